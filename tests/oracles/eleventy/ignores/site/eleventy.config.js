export default function (eleventyConfig) {
  eleventyConfig.ignores.add("posts/by-config.md");
  eleventyConfig.ignores.add("posts/wild-*.md");
  return { dir: { includes: "_parts", data: "_facts", output: "out" } };
}
