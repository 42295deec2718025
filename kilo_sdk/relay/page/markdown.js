// Markdown into nodes of the document. What a model writes is a stranger's text: it only ever
// becomes text nodes inside elements named here, and links that lead to the web.

// Marks that nothing closes are looked for only so far: a page must not hang for what a model writes.
const LINK = /^(https?:\/\/|mailto:)/i;
const INLINE = /(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)|\*\*(?=\S)([\s\S]{1,2000}?\S)\*\*|__(?=\S)([\s\S]{1,2000}?\S)__|~~(?=\S)([\s\S]{1,2000}?\S)~~|\*(?=[^\s*])([^*]*[^\s*])\*|(?<![\w])_(?=[^\s_])([^_]*[^\s_])_(?![\w])|\[([^\[\]]+)\]\(([^()\s]+)\)|(https?:\/\/[^\s<>()"'`]*[^\s<>()"'`.,;:!?])|\\([\\`*_~\[\]#>|-])/g;
const DEEPEST = 8;

function make(name, ...inner) {
  const node = document.createElement(name);
  node.append(...inner);
  return node;
}

function link(target, ...inner) {
  if (!LINK.test(target)) return make("span", ...inner);
  const node = make("a", ...inner);
  node.href = target;
  node.rel = "noopener noreferrer nofollow";
  node.target = "_blank";
  return node;
}

export function inline(text, depth = 0) {
  const nodes = [];
  let at = 0;
  for (const found of depth < DEEPEST ? text.matchAll(INLINE) : []) {
    const [all, , code, strong, strong2, gone, em, em2, label, target, bare, plain] = found;
    if (found.index > at) nodes.push(text.slice(at, found.index));
    at = found.index + all.length;
    const bold = strong ?? strong2;
    const slanted = em ?? em2;
    if (code !== undefined) nodes.push(make("code", code.trim() === "" ? code : code.replace(/^ (.*) $/s, "$1")));
    else if (bold !== undefined) nodes.push(make("strong", ...inline(bold, depth + 1)));
    else if (gone !== undefined) nodes.push(make("s", ...inline(gone, depth + 1)));
    else if (slanted !== undefined) nodes.push(make("em", ...inline(slanted, depth + 1)));
    else if (label !== undefined) nodes.push(link(target, ...inline(label, depth + 1)));
    else if (bare !== undefined) nodes.push(link(bare, bare));
    else nodes.push(plain);
  }
  if (at < text.length) nodes.push(text.slice(at));
  return nodes;
}

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*)$/;
const RULE = /^ {0,3}([-*_])( *\1){2,}\s*$/;
const QUOTE = /^ {0,3}> ?/;
const TABLE_RULE = /^\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?$/;

// The text cut into the sources of its blocks; each can be rendered by itself, and while an
// answer grows only the last ones change.
export function blocksOf(text) {
  const blocks = [];
  let block = [];
  let fence = null;
  const end = () => {
    if (block.length) blocks.push(block.join("\n"));
    block = [];
  };
  for (const line of text.replace(/\r\n?/g, "\n").split("\n")) {
    if (fence) {
      block.push(line);
      if (line.trim().startsWith(fence) && !line.trim().slice(fence.length).replace(/[`~]/g, "")) {
        fence = null;
        end();
      }
      continue;
    }
    const opens = line.match(FENCE);
    const indented = /^(\s{2,}|\t)/.test(line) && block.length && ITEM.test(block[0]);
    if (opens && !indented) {
      end();
      fence = opens[1];
      block.push(line);
    } else if (!line.trim()) {
      // An empty line inside a list does not end it; the next line decides.
      if (block.length && ITEM.test(block[0])) block.push("");
      else end();
    } else if (HEADING.test(line) || (RULE.test(line) && !block.length)) {
      end();
      block.push(line);
      end();
    } else {
      const inList = block.length && ITEM.test(block[0]);
      if (inList && block[block.length - 1] === "" && !ITEM.test(line) && !/^\s/.test(line)) end();
      else if (!inList && block.length && ITEM.test(line) && !QUOTE.test(block[0])) end();
      else if (block.length && QUOTE.test(line) !== QUOTE.test(block[0]) && !inList) end();
      block.push(line);
    }
  }
  end();
  return blocks;
}

function list(lines) {
  const first = lines[0].match(ITEM);
  const node = make(/\d/.test(first[2]) ? "ol" : "ul");
  if (node.tagName === "OL" && parseInt(first[2], 10) !== 1) node.start = parseInt(first[2], 10);
  const indent = first[1].length;
  let item = null;
  const items = [];
  for (const line of lines) {
    const found = line.match(ITEM);
    if (found && found[1].length <= indent + 1) items.push((item = [line.slice(found[0].length)]));
    else item.push(line.replace(/^(\t| {1,4})/, ""));
  }
  for (const inner of items) {
    const split = inner.findIndex((line, at) => at > 0 && (ITEM.test(line) || FENCE.test(line)));
    const head = split < 0 ? inner : inner.slice(0, split);
    const rest = split < 0 ? [] : inner.slice(split);
    const entry = make("li", ...inline(head.join("\n").trim()));
    for (const source of blocksOf(rest.join("\n"))) entry.append(render(source));
    node.append(entry);
  }
  return node;
}

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
}

function table(lines) {
  const head = make("tr", ...cells(lines[0]).map((cell) => make("th", ...inline(cell))));
  const rows = lines.slice(2).map((line) => make("tr", ...cells(line).map((cell) => make("td", ...inline(cell)))));
  const node = make("div", make("table", make("thead", head), make("tbody", ...rows)));
  node.className = "wide-table";
  return node;
}

function fenced(lines) {
  const [, mark, language] = lines[0].match(FENCE);
  const last = lines[lines.length - 1].trim();
  const closed = lines.length > 1 && last.startsWith(mark);
  const text = lines.slice(1, closed ? -1 : undefined).join("\n");
  const copy = make("button", "Copy");
  copy.type = "button";
  copy.dataset.copy = "code";
  const tag = make("div", make("span", language || "text"), copy);
  tag.className = "tag";
  const code = make("pre", make("code", text));
  code.tabIndex = 0;
  const node = make("div", tag, code);
  node.className = "fence";
  return node;
}

// A heading without the marks that may close it. From its end on: an expression would try every
// space of a long line anew.
function titleOf(text) {
  let end = text.length;
  while (text[end - 1] === "#") end -= 1;
  return text.slice(0, end).trimEnd();
}

export function render(source) {
  const lines = source.split("\n");
  if (FENCE.test(lines[0])) return fenced(lines);
  const heading = lines[0].match(HEADING);
  if (heading) return make("h" + Math.min(5, heading[1].length + 2), ...inline(titleOf(heading[2])));
  if (RULE.test(lines[0])) return make("hr");
  if (ITEM.test(lines[0])) return list(lines);
  if (QUOTE.test(lines[0])) {
    const inner = lines.map((line) => line.replace(QUOTE, "")).join("\n");
    return make("blockquote", ...blocksOf(inner).map((one) => (QUOTE.test(one) ? make("p", ...inline(one)) : render(one))));
  }
  if (lines.length > 1 && lines[0].includes("|") && TABLE_RULE.test(lines[1].trim())) return table(lines);
  return make("p", ...inline(source));
}

// Renders an answer that grows: only blocks whose source changed are made anew.
export class Markdown {
  constructor(root) {
    this.root = root;
    this.sources = [];
  }

  update(text) {
    const sources = blocksOf(text);
    let same = 0;
    while (same < sources.length && sources[same] === this.sources[same]) same += 1;
    while (this.root.children.length > same) this.root.lastElementChild.remove();
    for (const source of sources.slice(same)) this.root.append(render(source));
    this.sources = sources;
  }
}
