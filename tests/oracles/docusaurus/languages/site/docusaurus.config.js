export default {
  title: "Low Water",
  url: "https://example.org",
  baseUrl: "/",
  onBrokenLinks: "ignore",
  i18n: { defaultLocale: "en", locales: ["en", "fr"] },
  themes: ["@docusaurus/theme-classic"],
  plugins: [
    ["@docusaurus/plugin-content-blog", { routeBasePath: "log", onUntruncatedBlogPosts: "ignore", editLocalizedFiles: true, editUrl: ({ blogDirPath, blogPath }) => `https://edit.example/${blogDirPath}/${blogPath}` }],
  ],
};
