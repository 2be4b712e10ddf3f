// Unpacks the Chromium that the package ships: node unpack.mjs FOLDER, beside node_modules/.
import { spawnSync } from 'node:child_process';
import { chmodSync, createReadStream, createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';

const [folder] = process.argv.slice(2);
const packed = `${folder}/node_modules/@sparticuz/chromium/bin`;

async function decompress(name, target) {
  await pipeline(createReadStream(`${packed}/${name}.br`), createBrotliDecompress(), createWriteStream(target));
}

await decompress('chromium', `${folder}/chromium`);
chmodSync(`${folder}/chromium`, 0o755);
// Its libraries, which not every machine has, and its font, so that pages look alike everywhere.
for (const [name, target] of [['al2023', folder], ['fonts', `${folder}/fontconfig`]]) {
  const tar = `${folder}/${name}.tar`;
  mkdirSync(target, { recursive: true });
  await decompress(`${name}.tar`, tar);
  const { status } = spawnSync('tar', ['-xf', tar, '-C', target], { stdio: 'inherit' });
  rmSync(tar);
  if (status !== 0) process.exit(1);
}
writeFileSync(
  `${folder}/fontconfig/fonts.conf`,
  `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${folder}/fontconfig/fonts</dir><cachedir>${folder}/fontconfig/cache</cachedir></fontconfig>
`,
);
