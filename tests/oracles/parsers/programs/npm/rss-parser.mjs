// Prints what rss-parser sees in each feed of the command line, a JSON array a line.
import { readFileSync } from "node:fs";
import Parser from "rss-parser";

const parser = new Parser();
for (const path of process.argv.slice(2)) {
  const feed = await parser.parseString(readFileSync(path, "utf8"));
  const rows = feed.items.map((item) => ({
    id: item.guid ?? item.id,
    title: item.title,
    link: item.link,
    authors: [item.creator ?? item.author].filter(Boolean),
    content: item["content:encoded"] ?? item.content,
    summary: item.summary ?? (item["content:encoded"] ? item.content : undefined),
    plain: item.summary !== undefined,
    published: item.isoDate,
    categories: item.categories ?? [],
    enclosures: item.enclosure ? [[item.enclosure.url, item.enclosure.type, item.enclosure.length]] : [],
  }));
  console.log(JSON.stringify(rows));
}
