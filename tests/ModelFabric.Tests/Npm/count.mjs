// Reads a file with lines [encoding, text] and prints for each the tokens of the reference implementation.
import { readFileSync } from 'node:fs';
import { get_encoding } from 'tiktoken';

const encodings = { o200k_base: get_encoding('o200k_base'), cl100k_base: get_encoding('cl100k_base') };
const lines = readFileSync(process.argv[2], 'utf8').split('\n').filter((line) => line.length > 0);
for (const line of lines) {
  const [encoding, text] = JSON.parse(line);
  console.log(encodings[encoding].encode_ordinary(text).join(' '));
}
