import React from "react";
import MDXComponents from "@theme-original/MDXComponents";

const Shown = ({ children }) => <div>{children}</div>;

export default { ...MDXComponents, Members: Shown, Private: Shown, Secrets: Shown, Secret: Shown };
