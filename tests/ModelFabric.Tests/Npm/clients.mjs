// OpenAI's and Anthropic's own clients against a running ModelFabric: nothing is changed but base URL and key.
// Prints one line of JSON for each check; the test compares them.
import OpenAI from 'openai';
import Anthropic from '@anthropic-ai/sdk';

const [url, key] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: `${url}/anthropic`, apiKey: key, maxRetries: 0 });
const say = (check, result) => console.log(JSON.stringify({ check, result }));
const attempt = async (check, run) => {
  try { say(check, await run()); } catch (error) { say(check, `${error.constructor.name} ${error.status ?? ''} ${error.message}`.slice(0, 300)); }
};

const weather = { name: 'weather', description: 'tells the weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } };
const picture = 'iVBORw0KGgo=';

for (const model of ['mock-openai/m', 'mock-anthropic/m', 'mock-gemini/m']) {
  await attempt(`chat ${model}`, async () => (await openai.chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }] })).choices[0].message.content);
  await attempt(`chat stream ${model}`, async () => {
    let text = '', finish, usage;
    for await (const chunk of await openai.chat.completions.create({ model, stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: 'hello' }] })) {
      text += chunk.choices[0]?.delta?.content ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usage = chunk.usage ?? usage;
    }
    return [text, finish, usage?.prompt_tokens];
  });
  await attempt(`chat tools ${model}`, async () => {
    const run = openai.chat.completions.runTools({
      model, messages: [{ role: 'user', content: 'weather' }],
      tools: [{ type: 'function', function: { ...weather, function: ({ city }) => `${city} is dry`, parse: JSON.parse } }],
    });
    return await run.finalContent();
  });
  await attempt(`chat image and schema ${model}`, async () => {
    const completion = await openai.chat.completions.parse({
      model,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'picture' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } }] }],
      response_format: { type: 'json_schema', json_schema: { name: 'seen', strict: true, schema: { type: 'object', properties: { cat: { type: 'boolean' } }, required: ['cat'], additionalProperties: false } } },
    });
    return JSON.parse(completion.choices[0].message.content);
  });
  await attempt(`responses ${model}`, async () => (await openai.responses.create({ model, input: 'hello' })).output_text);
  await attempt(`responses stream ${model}`, async () => {
    const stream = openai.responses.stream({ model, input: 'hello' });
    let text = '';
    stream.on('response.output_text.delta', (event) => { text += event.delta; });
    const response = await stream.finalResponse();
    return [text === response.output_text, text];
  });
  await attempt(`messages ${model}`, async () => (await anthropic.messages.create({ model, max_tokens: 100, messages: [{ role: 'user', content: 'hello' }] })).content.find((block) => block.type === 'text').text);
  await attempt(`messages stream ${model}`, async () => {
    const stream = anthropic.messages.stream({ model, max_tokens: 100, messages: [{ role: 'user', content: 'hello' }] });
    const message = await stream.finalMessage();
    return [message.content.find((block) => block.type === 'text').text, message.stop_reason, message.usage.input_tokens];
  });
  await attempt(`messages tools ${model}`, async () => {
    const tools = [{ name: weather.name, description: weather.description, input_schema: weather.parameters }];
    const messages = [{ role: 'user', content: 'weather' }];
    const first = await anthropic.messages.create({ model, max_tokens: 100, messages, tools });
    const call = first.content.find((block) => block.type === 'tool_use');
    messages.push({ role: 'assistant', content: first.content });
    messages.push({ role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: `${call.input.city} is dry` }] });
    const second = await anthropic.messages.create({ model, max_tokens: 100, messages, tools });
    return [first.stop_reason, second.content[0].text];
  });
  await attempt(`messages image ${model}`, async () => (await anthropic.messages.create({
    model, max_tokens: 100,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'picture' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } }] }],
  })).content[0].text);
  await attempt(`chat error ${model}`, () => openai.chat.completions.create({ model, messages: [{ role: 'user', content: 'limit' }] }));
  await attempt(`messages error ${model}`, () => anthropic.messages.create({ model, max_tokens: 100, messages: [{ role: 'user', content: 'limit' }] }));
}
await attempt('embeddings', async () => (await openai.embeddings.create({ model: 'mock-openai/m', input: 'hello' })).data[0].embedding.length > 0);
await attempt('unknown model', () => openai.chat.completions.create({ model: 'no/such', messages: [{ role: 'user', content: 'hello' }] }));
await attempt('unknown model for anthropic', () => anthropic.messages.create({ model: 'no/such', max_tokens: 5, messages: [{ role: 'user', content: 'hello' }] }));
await attempt('models', async () => (await openai.models.list()).data.some((model) => model.id === 'mock-openai/m'));
await attempt('models for anthropic', async () => (await anthropic.models.list()).data.some((model) => model.id === 'mock-openai/m'));
