export default function (eleventyConfig) {
  eleventyConfig.addFilter("postYear", (date) => `${date.getUTCFullYear()}`);
  return { dir: { input: "src", output: "_site" } };
}
