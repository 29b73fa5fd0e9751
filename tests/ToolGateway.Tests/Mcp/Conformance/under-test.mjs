// What the suite starts: node under-test.mjs DRIVER SERVER. It tells DRIVER which SERVER to ask and shows what came of it.
const [driver, server] = process.argv.slice(2);
const { MCP_CONFORMANCE_SCENARIO: scenario, MCP_CONFORMANCE_CONTEXT: context } = process.env;
const answer = await fetch(driver, {
  method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ server, scenario, context: context ? JSON.parse(context) : undefined }),
});
console.error((await answer.json()).join('\n'));
process.exit(answer.ok ? 0 : 1);
