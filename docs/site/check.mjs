// Does every link of the built site lead somewhere in it, and does no page load anything from elsewhere? FOLDER is the site.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';

const [folder] = process.argv.slice(2);
const pages = new Map();
for (const name of readdirSync(folder, { recursive: true })) {
  if (name.endsWith('.html')) pages.set(name, readFileSync(path.join(folder, name), 'utf8'));
}
const marks = (page) => new Set([...pages.get(page).matchAll(/\s(?:id|name)="([^"]+)"/g)].map(([, mark]) => mark));
const findings = [];

function check(page, tag, target) {
  if (/^(https?|mailto|data):/.test(target)) {
    // A link may lead elsewhere; what is loaded may not come from there.
    if (tag !== 'a') findings.push(`${page} loads ${target}`);
    return;
  }
  const [file, mark] = decodeURIComponent(target).split('#');
  const found = file === '' ? page : path.normalize(path.join(path.dirname(page), file));
  if (!existsSync(path.join(folder, found))) findings.push(`${page}: ${target} leads nowhere`);
  else if (mark && pages.has(found) && !marks(found).has(mark)) findings.push(`${page}: ${target} has no such mark`);
  else if (statSync(path.join(folder, found)).isDirectory()) findings.push(`${page}: ${target} is a folder`);
}

for (const [page, html] of pages) {
  // The page for addresses that lead nowhere is not at one place.
  if (page === '404.html') continue;
  const shown = html.replace(/<!--.*?-->/gs, '');
  for (const [, tag, attributes] of shown.matchAll(/<([a-z]+)\s([^>]*)>/g)) {
    for (const [, target] of attributes.matchAll(/(?:^|\s)(?:href|src|srcset)="([^"]*)"/g)) check(page, tag, target);
  }
}
if (pages.size < 60) findings.push(`only ${pages.size} pages`);
console.error(findings.join('\n') || `${pages.size} pages, and every link leads somewhere`);
process.exitCode = findings.length === 0 ? 0 : 1;
