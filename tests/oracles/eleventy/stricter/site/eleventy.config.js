export default function (eleventyConfig) {
  for (const name of ["encrypt", "secret", "members"]) {
    eleventyConfig.addPairedShortcode(name, (content) => content);
  }
}
