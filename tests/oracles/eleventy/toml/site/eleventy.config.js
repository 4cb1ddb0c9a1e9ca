import toml from "@iarna/toml";

export default function (config) {
  config.setFrontMatterParsingOptions({ engines: { toml: toml.parse.bind(toml) } });
  return { markdownTemplateEngine: false };
}
