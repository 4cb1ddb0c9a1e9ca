export default {
  title: "Low Water",
  url: "https://example.org",
  baseUrl: "/",
  onBrokenLinks: "ignore",
  onBrokenAnchors: "ignore",
  themes: ["@docusaurus/theme-classic"],
  plugins: [
    [
      "@docusaurus/plugin-content-blog",
      { onUntruncatedBlogPosts: "ignore", editLocalizedFiles: true, editUrl: ({ blogDirPath, blogPath }) => `https://edit.example/${blogDirPath}/${blogPath}`, onInlineAuthors: "ignore" },
    ],
  ],
};
