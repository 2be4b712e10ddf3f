// Drives Chromium as a test says: a command in JSON on each line of standard input, and its answer on a line of standard output.
// SETTINGS, in JSON: `pages`, where each callback page is served by HTTP, by its host name; certificate and key (PEM) for them; `hosts`,
// rules for other host names; `timeout` in milliseconds.
import http from 'node:http';
import https from 'node:https';
import readline from 'node:readline';
import { chromium } from 'playwright-core';

const { pages, certificate, key, hosts, timeout } = JSON.parse(process.env.SETTINGS);

// What ends HTTPS in front of the pages, as an Ingress does: a request goes on unchanged.
const front = https.createServer({ key, cert: certificate }, (request, response) => {
  const { method, url: path, headers } = request;
  const [host, port] = pages[headers.host].split(':');
  const onwards = http.request({ host, port, method, path, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.rawHeaders);
    answer.pipe(response);
  });
  onwards.on('error', () => response.destroy());
  request.pipe(onwards);
});
await new Promise((resolve) => front.listen(0, '127.0.0.1', resolve));
const rules = Object.keys(pages).map((name) => `MAP ${name} 127.0.0.1:${front.address().port}`);

const browser = await chromium.launch({
  executablePath: process.env.SFC_CHROMIUM,
  chromiumSandbox: false,
  env: { ...process.env, LD_LIBRARY_PATH: process.env.CHROMIUM_LIBRARIES ?? '' },
  args: ['--disable-gpu', '--font-render-hinting=none', `--host-resolver-rules=${[...rules, ...hosts].join(',')}`],
});

const size = { width: 390, height: 720 };
const complaints = [];
const people = new Map();

async function pageOf(person) {
  if (!people.has(person)) {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: size });
    const page = await context.newPage();
    page.setDefaultTimeout(timeout);
    page.on('console', (message) => /content security policy|refused to/i.test(message.text()) && complaints.push(message.text()));
    people.set(person, page);
  }
  return people.get(person);
}

const commands = {
  open: (page, { url }) =>
    page.goto(url).catch((error) => {
      // Nobody listens there: the address is what a person would paste.
      if (!`${error}`.includes('ERR_CONNECTION_REFUSED')) throw error;
    }),
  fill: (page, { at, text }) => page.fill(at, text),
  click: (page, { at }) => page.click(at, { noWaitAfter: true }),
  until: (page, { title }) => page.waitForFunction((wanted) => document.title === wanted, title),
  // Clicks, and says to which address of this beginning the browser is sent, where nobody need listen.
  sent: async (page, { at, prefix }) => {
    const asked = page.waitForRequest((request) => request.url().startsWith(prefix));
    await page.click(at, { noWaitAfter: true });
    return (await asked).url();
  },
  // What differs from run to run is replaced.
  shot: async (page, { path, scheme, replace, width = size.width }) => {
    await page.evaluate((pairs) => {
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        for (const [from, to] of pairs) texts.currentNode.data = texts.currentNode.data.replaceAll(from, to);
      }
    }, replace);
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height: 100 });
    await page.screenshot({ path, fullPage: true });
    await page.setViewportSize(size);
  },
  close: (page) => page.context().close(),
  look: async (page) => {
    await page.setViewportSize({ ...size, width: 320 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > 320);
    await page.setViewportSize(size);
    return { url: page.url(), title: await page.title(), text: await page.innerText('body'), wide };
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { command, person, ...rest } = JSON.parse(line);
  const page = await pageOf(person);
  const answer = {};
  try {
    const seen = await commands[command](page, rest);
    if (command === 'look') answer.seen = { ...seen, complaints };
    if (command === 'sent') answer.url = seen;
  } catch (error) {
    answer.failed = `${line} at ${page.url()}: ${error}\n${await page.innerText('body').catch(() => '')}`;
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
front.close();
