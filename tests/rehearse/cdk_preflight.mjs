// Holds CloudFormation templates to cdk-preflight's rules and to those of the engine below it. Reads the paths of JSON templates,
// one a line, and prints the findings as JSON. All in one process: the engine takes seconds to start, and a template a fraction.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, region, accountId] = process.argv.slice(2);
const require = createRequire(join(packages, 'package.json'));
const rules = join(packages, 'node_modules/cdk-preflight/lib');
const { PreflightEnforcePlugin } = require(join(rules, 'private/enforce.js'));
const { BUNDLED_RULES } = require(join(rules, 'rules.generated.js'));

const stackTemplates = readFileSync(0, 'utf8').trim().split('\n').map((templatePath) => ({ templatePath, stackConstructPath: templatePath }));
const { violations } = new PreflightEnforcePlugin(BUNDLED_RULES, true).validate({ accountId, region, stackTemplates });
console.log(JSON.stringify(violations.flatMap((violation) => violation.violatingResources.map((resource) => ({
  template: resource.templatePath,
  rule: violation.ruleName,
  resource: resource.resourceLogicalId ?? '',
  path: resource.locations.join(),
  message: violation.description,
})))));
