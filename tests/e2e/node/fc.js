// Drives FC with Alibaba's Node.js SDKs, fc2 and FC-Open: node fc.js '{"url": …}'; prints one JSON document.
'use strict';
const FC = require('@alicloud/fc2');
const Open = require('@alicloud/fc-open20210406');
const { Config } = require('@alicloud/openapi-client');
const { RuntimeOptions } = require('@alicloud/tea-util');

const order = JSON.parse(process.argv[2]);

async function refusal(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return { name: error.name, code: error.code };
  }
}

function open() {
  return new Open.default(
    new Config({ accessKeyId: order.keyId, accessKeySecret: order.keySecret, endpoint: order.endpoint, protocol: 'http', regionId: order.region }),
  );
}

async function classic(out, sdk) {
  const { service, zip, runtime } = order;
  await sdk.createService(service, { description: 'by fc2' });
  out.created = (await sdk.createFunction(service, { functionName: 'classic', runtime, handler: 'index.handler', memorySize: 128, timeout: 10, code: { zipFile: zip } })).data;
  const invoked = await sdk.invokeFunction(service, 'classic', JSON.stringify({ do: 'event', text: '你' }), { 'X-Fc-Log-Type': 'Tail' });
  out.invoked = { data: invoked.data, headers: invoked.headers };
  const raw = await sdk.invokeFunction(service, 'classic', JSON.stringify({ do: order.bytes }), {}, undefined, { rawBuf: true });
  out.bytes = Buffer.from(raw.data).toString('base64');
  const failed = await sdk.invokeFunction(service, 'classic', JSON.stringify({ do: order.failing }));
  out.failed = { data: failed.data, type: failed.headers['x-fc-error-type'] };
  out.listed = (await sdk.listFunctions(service)).data.functions.map((one) => one.functionName);
  out.taken = await refusal(() => sdk.createService(service));
}

async function tea(out, client) {
  const { service, zip, runtime } = order;
  const code = new Open.Code({ zipFile: zip });
  const created = await client.createFunction(
    service,
    new Open.CreateFunctionRequest({ functionName: 'tea', runtime, handler: 'index.handler', memorySize: 128, timeout: 10, code }),
  );
  out.created = { memorySize: created.body.memorySize, functionName: created.body.functionName };
  const invoked = await client.invokeFunctionWithOptions(
    service,
    'tea',
    new Open.InvokeFunctionRequest({ body: Buffer.from(JSON.stringify({ do: 'event' })) }),
    new Open.InvokeFunctionHeaders({}),
    new RuntimeOptions({}),
  );
  out.invoked = Buffer.from(invoked.body).toString();
  out.missing = await refusal(() => client.getFunction(service, 'absent', new Open.GetFunctionRequest({})));
}

async function main() {
  const out = { classic: {}, tea: {} };
  const sdk = new FC(order.account, {
    endpoint: order.url,
    accessKeyID: order.keyId,
    accessKeySecret: order.keySecret,
    region: order.region,
    timeout: 60000,
  });
  try {
    await classic(out.classic, sdk);
    await tea(out.tea, open());
  } finally {
    for (const name of ['classic', 'tea']) await refusal(() => sdk.deleteFunction(order.service, name));
    await refusal(() => sdk.deleteService(order.service));
  }
  out.classic.gone = await refusal(() => sdk.getService(order.service));
  const wrong = new FC(order.account, { endpoint: order.url, accessKeyID: order.keyId, accessKeySecret: 'wrong', region: order.region });
  out.classic.wrongSecret = await refusal(() => wrong.listServices());
  process.stdout.write(JSON.stringify(out));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
