const { DateTime } = require("luxon");

module.exports = function (eleventyConfig) {
  eleventyConfig.addFilter("dateFormat", (date, format) => DateTime.fromJSDate(date, { zone: "utc" }).toFormat(format));
  return { markdownTemplateEngine: "njk", htmlTemplateEngine: "njk", pathPrefix: "/" };
};
