// Prints what feedsmith sees in each feed of the command line, a JSON array a line.
import { readFileSync } from "node:fs";
import { parseFeed } from "feedsmith";

const value = (text) => (text && typeof text === "object" ? text.value : text);
const rows = {
  atom: (feed) =>
    feed.entries.map((entry) => ({
      id: entry.id,
      title: value(entry.title),
      link: entry.links?.find((link) => link.rel === "alternate")?.href,
      authors: entry.authors?.map((author) => author.name),
      content: value(entry.content),
      summary: value(entry.summary),
      plain: true,
      published: entry.published,
      updated: entry.updated,
      categories: entry.categories?.map((category) => category.label ?? category.term),
      enclosures: entry.links
        ?.filter((link) => link.rel === "enclosure")
        .map((link) => [link.href, link.type, link.length]),
    })),
  rss: (feed) =>
    feed.items.map((item) => ({
      id: value(item.guid),
      title: item.title,
      link: item.link,
      authors: item.dc?.creators,
      content: item.content?.encoded,
      summary: item.description,
      published: new Date(item.pubDate).toISOString(),
      updated: item.atom?.updated,
      categories: item.categories?.map((category) => category.name),
      enclosures: [
        ...(item.enclosures ?? []).map((file) => [file.url, file.type, file.length]),
        ...(item.media?.contents ?? [])
          .filter((file) => file.fileSize)
          .map((file) => [file.url, file.type, file.fileSize]),
      ],
    })),
  json: (feed) =>
    feed.items.map((item) => ({
      id: item.id,
      title: item.title,
      link: item.url,
      authors: item.authors?.map((author) => author.name),
      content: item.content_html,
      summary: item.summary ?? item.content_text,
      plain: true,
      published: item.date_published,
      updated: item.date_modified,
      categories: item.tags,
      enclosures: item.attachments?.map((file) => [file.url, file.mime_type, file.size_in_bytes]),
    })),
};

for (const path of process.argv.slice(2)) {
  const { format, feed } = parseFeed(readFileSync(path, "utf8"));
  console.log(JSON.stringify(rows[format](feed)));
}
