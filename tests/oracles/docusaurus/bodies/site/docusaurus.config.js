export default {
  title: "Low Water",
  url: "https://example.org",
  baseUrl: "/site/",
  trailingSlash: true,
  onBrokenLinks: "ignore",
  onBrokenAnchors: "ignore",
  themes: ["@docusaurus/theme-classic"],
  plugins: [
    ["@docusaurus/plugin-content-blog", { path: "./posts", routeBasePath: "/", onUntruncatedBlogPosts: "ignore", editLocalizedFiles: true, editUrl: ({ blogDirPath, blogPath }) => `https://edit.example/${blogDirPath}/${blogPath}` }],
  ],
};
