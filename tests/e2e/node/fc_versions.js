// Versions, aliases and numbers of instances with Alibaba's fc2 for Node.js: node fc_versions.js '{"url": …}';
// prints one JSON document.
'use strict';
const FC = require('@alicloud/fc2');

const order = JSON.parse(process.argv[2]);
const { service, zip } = order;
const sdk = new FC(order.account, {
  endpoint: order.url,
  accessKeyID: order.keyId,
  accessKeySecret: order.keySecret,
  region: order.region,
  timeout: 60000,
});

async function refusal(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return error.code;
  }
}

async function invoke(qualifier) {
  const answer = await sdk.invokeFunction(service, 'f', '{}', {}, qualifier);
  return [answer.data, answer.headers['x-fc-invocation-service-version']];
}

async function versions(out) {
  await sdk.createFunction(service, { functionName: 'f', runtime: 'python3.10', handler: 'index.handler', memorySize: 128, code: { zipFile: zip } });
  out.published = (await sdk.publishVersion(service, 'by fc2')).data;
  out.unchanged = await refusal(() => sdk.publishVersion(service));
  await sdk.updateFunction(service, 'f', { description: 'changed' });
  out.listed = (await sdk.listVersions(service, { direction: 'FORWARD' })).data.versions.map((one) => one.versionId);
  out.alias = (await sdk.createAlias(service, 'live', '1', { additionalVersionWeight: { 1: 0.5 } })).data;
  out.updated = (await sdk.updateAlias(service, 'live', '1', { additionalVersionWeight: {} })).data;
  out.aliases = (await sdk.listAliases(service, { prefix: 'l' })).data.aliases.map((one) => one.aliasName);
  out.invoked = [await invoke(), await invoke('1'), await invoke('live')];
  out.described = (await sdk.getFunction(service, 'f', {}, 'live')).data.description;
  out.missing = [await refusal(() => invoke('2')), await refusal(() => sdk.getAlias(service, 'none'))];
}

async function instances(out) {
  const put = { target: 1, scheduledActions: [], targetTrackingPolicies: [] };
  out.provision = (await sdk.putProvisionConfig(service, 'f', 'live', put)).data;
  out.provisions = (await sdk.listProvisionConfigs({ serviceName: service, qualifier: 'live' })).data.provisionConfigs.length;
  out.got = (await sdk.getProvisionConfig(service, 'f', 'live')).data.target;
  out.limit = (await sdk.putOnDemandConfig(service, 'f', 'live', { maximumInstanceCount: 7 })).data;
  out.limits = (await sdk.listOnDemandConfigs({ prefix: `services/${service}.` })).data.configs.map((one) => one.maximumInstanceCount);
  await sdk.deleteOnDemandConfig(service, 'f', 'live');
  out.deleted = await refusal(() => sdk.getOnDemandConfig(service, 'f', 'live'));
  out.capacities = (await sdk.listReservedCapacities()).data.reservedCapacities;
  await sdk.putProvisionConfig(service, 'f', 'live', { target: 0 });
}

async function main() {
  const out = {};
  await versions(out);
  await instances(out);
  process.stdout.write(JSON.stringify(out));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
