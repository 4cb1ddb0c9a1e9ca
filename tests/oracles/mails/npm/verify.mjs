// mailauth: for each message of the command line, the selectors whose signatures are valid, a JSON array a line.
import { readFileSync } from "node:fs";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";

const records = JSON.parse(readFileSync(process.argv[2], "utf8"));

async function resolver(name, type) {
  if (type === "TXT" && records[name]) {
    return [[records[name]]];
  }
  throw Object.assign(new Error("no such name"), { code: "ENOTFOUND" });
}

for (const path of process.argv.slice(3)) {
  const { results } = await dkimVerify(readFileSync(path), { resolver });
  const valid = results.filter((one) => one.status.result === "pass").map((one) => one.selector);
  console.log(JSON.stringify(valid.sort()));
}
