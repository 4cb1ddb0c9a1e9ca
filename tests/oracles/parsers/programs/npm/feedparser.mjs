// Prints what feedparser sees in each feed of the command line, a JSON array a line.
import { createReadStream } from "node:fs";
import FeedParser from "feedparser";

function entries(path) {
  return new Promise((resolve, reject) => {
    const rows = [];
    const parser = new FeedParser();
    parser.on("error", reject);
    parser.on("end", () => resolve(rows));
    parser.on("readable", () => {
      for (let item = parser.read(); item; item = parser.read()) {
        rows.push({
          id: item.guid,
          title: item.title,
          link: item.link,
          authors: [item.author].filter(Boolean),
          content: item.description,
          summary: item.summary,
          plain: item.meta["#type"] === "atom",
          published: item.pubdate?.toISOString(),
          updated: item.date?.toISOString(),
          categories: item.categories,
          enclosures: item.enclosures.map((file) => [file.url, file.type, file.length]),
        });
      }
    });
    createReadStream(path).pipe(parser);
  });
}

for (const path of process.argv.slice(2)) {
  console.log(JSON.stringify(await entries(path)));
}
