//! CloudFormation's intrinsic functions. Values that only AWS knows, such as ARNs, are invented in the right form.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

/// The stack's region and account.
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const ACCOUNT: &str = "123456789012";

/// The stack's name. Its hyphen finds names that do not allow one.
pub(crate) const STACK: &str = "my-pins";

/// A resolved value: `None` for `AWS::NoValue`, an error for a dangling reference.
pub(super) type Resolved = Result<Option<Value>, String>;

/// The environment that functions are resolved in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) template: &'a Value,
    /// Each parameter's value: a string or, for a list, strings.
    pub(super) parameters: &'a BTreeMap<String, Value>,
    /// The attributes that custom resources return, by logical id.
    pub(super) answers: &'a BTreeMap<&'static str, Value>,
}

impl Scope<'_> {
    /// Replaces all functions in a value.
    pub(super) fn resolve(&self, value: &Value) -> Resolved {
        match value {
            Value::Object(object) => {
                if let Some((name, argument)) = one(object)
                    && (name == "Ref" || name.starts_with("Fn::"))
                {
                    return self.call(name, argument).map_err(|error| format!("{error} in {value}"));
                }
                let entries = object.iter().map(|(key, value)| Ok(self.resolve(value)?.map(|it| (key.clone(), it))));
                let entries = entries.filter_map(Result::transpose).collect::<Result<Map<_, _>, String>>();
                Ok(Some(Value::Object(entries?)))
            }
            Value::Array(values) => {
                let values = values.iter().filter_map(|value| self.resolve(value).transpose());
                Ok(Some(Value::Array(values.collect::<Result<_, _>>()?)))
            }
            plain => Ok(Some(plain.clone())),
        }
    }

    /// Evaluates the condition of this name.
    pub(super) fn holds(&self, name: &str) -> Result<bool, String> {
        let condition = &self.template["Conditions"][name];
        if condition.is_null() {
            return Err(format!("there is not a condition {name}"));
        }
        self.evaluate(condition)
    }

    /// Evaluates an expression of `Conditions` or `Rules`.
    pub(super) fn evaluate(&self, value: &Value) -> Result<bool, String> {
        let (name, argument) = value.as_object().and_then(one).ok_or_else(|| format!("{value} is not a condition"))?;
        let each = || argument.as_array().into_iter().flatten().map(|value| self.evaluate(value));
        match name {
            "Condition" => self.holds(text(argument)?),
            "Fn::Equals" => {
                let sides = self.list(argument)?;
                Ok(as_text(&sides[0]) == as_text(&sides[1]))
            }
            "Fn::Not" => Ok(!each().next().ok_or("Fn::Not without an argument")??),
            "Fn::And" => each().try_fold(true, |all, one| Ok(all & one?)),
            "Fn::Or" => each().try_fold(false, |any, one| Ok(any | one?)),
            other => Err(format!("{other} is not a condition")),
        }
    }

    fn call(&self, name: &str, argument: &Value) -> Resolved {
        if name == "Ref" {
            return self.reference(text(argument)?);
        }
        let found = match name {
            "Fn::GetAtt" => {
                let (resource, attribute) = match argument {
                    Value::String(whole) => whole.split_once('.').ok_or("no attribute")?,
                    parts => (text(&parts[0])?, text(&parts[1])?),
                };
                self.attribute(resource, attribute)?
            }
            "Fn::If" => {
                let branch = if self.holds(text(&argument[0])?)? { 1 } else { 2 };
                return self.resolve(&argument[branch]);
            }
            "Fn::Sub" => {
                let (format, names) = match argument {
                    Value::Array(parts) => (&parts[0], self.resolve(&parts[1])?.unwrap_or_default()),
                    format => (format, Value::Null),
                };
                self.substitute(text(format)?, &names)?.into()
            }
            "Fn::Join" => {
                let parts = self.list(&argument[1])?;
                parts.iter().map(as_text).collect::<Vec<_>>().join(text(&argument[0])?).into()
            }
            "Fn::Split" => {
                let whole = self.some(&argument[1])?;
                text(&whole)?.split(text(&argument[0])?).collect::<Vec<_>>().into()
            }
            "Fn::Select" => {
                let index = as_text(&argument[0]).parse::<usize>().map_err(|error| error.to_string())?;
                self.list(&argument[1])?.get(index).cloned().ok_or_else(|| format!("there is no element {index}"))?
            }
            "Fn::Base64" => BASE64_STANDARD.encode(text(&self.some(argument)?)?).into(),
            "Fn::GetAZs" => json!(["a", "b", "c"].map(|zone| format!("{REGION}{zone}"))),
            "Fn::Cidr" => {
                let (block, count, bits) = (self.some(&argument[0])?, &argument[1], &argument[2]);
                blocks(text(&block)?, as_text(count).parse().ok(), as_text(bits).parse().ok())?
            }
            other => return Err(format!("unsupported function {other}")),
        };
        Ok(Some(found))
    }

    fn some(&self, value: &Value) -> Result<Value, String> {
        self.resolve(value)?.ok_or_else(|| format!("{value} is NoValue"))
    }

    fn list(&self, value: &Value) -> Result<Vec<Value>, String> {
        match self.some(value)? {
            Value::Array(values) => Ok(values),
            other => Err(format!("{other} is not a list")),
        }
    }

    fn reference(&self, name: &str) -> Resolved {
        let pseudo = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => REGION,
            "AWS::AccountId" => ACCOUNT,
            "AWS::Partition" => "aws",
            "AWS::URLSuffix" => "amazonaws.com",
            "AWS::StackName" => STACK,
            _ => match self.parameters.get(name) {
                Some(value) => return Ok(Some(value.clone())),
                None => return self.created(name).and_then(|resource| self.physical_id(name, resource)).map(Some),
            },
        };
        Ok(Some(pseudo.into()))
    }

    /// The resource, if it is created with these parameters.
    fn created(&self, name: &str) -> Result<&Value, String> {
        let resource = &self.template["Resources"][name];
        let condition = resource["Condition"].as_str();
        match resource {
            Value::Null => Err(format!("no resource {name}")),
            _ if condition.map_or(Ok(true), |condition| self.holds(condition))? => Ok(resource),
            _ => Err(format!("{name} is not created")),
        }
    }

    /// The value of `Ref`: an ARN, a name or a generated id, depending on the resource's type.
    fn physical_id(&self, name: &str, resource: &Value) -> Result<Value, String> {
        let property = |name: &str| self.some(&resource["Properties"][name]);
        let generated = || Value::from(format!("{STACK}-{name}-1A2B3C"));
        match text(&resource["Type"])? {
            "AWS::MSK::Cluster" | "AWS::MSK::ServerlessCluster" => {
                let cluster = property("ClusterName")?;
                Ok(format!("arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/{}/4f0c1b6e-13", text(&cluster)?).into())
            }
            "AWS::Lambda::Alias" => {
                let function = property("FunctionName")?;
                Ok(format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}:live", text(&function)?).into())
            }
            "AWS::ApiGateway::Stage" => property("StageName"),
            "AWS::Logs::LogGroup" => property("LogGroupName"),
            "AWS::Glue::Database" => Ok(property("DatabaseInput")?["Name"].clone()),
            "AWS::S3::Bucket" => Ok(as_text(&generated()).to_lowercase().into()),
            _ => Ok(generated()),
        }
    }

    fn attribute(&self, name: &str, attribute: &str) -> Result<Value, String> {
        let resource = self.created(name)?;
        if let Some(answer) = self.answers.get(name) {
            let value = answer.get(attribute).cloned();
            return value.ok_or_else(|| format!("{name} has no attribute {attribute}: {answer}"));
        }
        if !resource["Properties"][attribute].is_null() {
            return self.some(&resource["Properties"][attribute]);
        }
        let id = self.physical_id(name, resource)?;
        Ok(match (text(&resource["Type"])?, attribute) {
            ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{}", text(&id)?).into(),
            ("AWS::Lambda::Function", "Arn") => {
                format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", text(&id)?).into()
            }
            ("AWS::IAM::Role", "Arn") => format!("arn:aws:iam::{ACCOUNT}:role/{}", text(&id)?).into(),
            ("AWS::SQS::Queue", "Arn") => format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", text(&id)?).into(),
            ("AWS::RDS::DBInstance", "Endpoint.Port") => "3306".into(),
            _ => format!("{name}.{attribute}").into(),
        })
    }

    fn substitute(&self, format: &str, names: &Value) -> Result<String, String> {
        let mut parts = format.split("${");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').ok_or("an unclosed ${")?;
            let value = if let Some(literal) = name.strip_prefix('!') {
                ["${", literal, "}"].concat()
            } else if let Some(value) = names.get(name) {
                as_text(value)
            } else {
                let function = if name.contains('.') { "Fn::GetAtt" } else { "Ref" };
                as_text(&self.some(&json!({function: name}))?)
            };
            whole += &value;
            whole += rest;
        }
        Ok(whole)
    }
}

fn one(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    (object.len() == 1).then(|| object.iter().next()).flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("{value} is not a string"))
}

/// CloudFormation's conversion to a string.
pub(super) fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `Fn::Cidr`: the first `count` blocks with `bits` host bits each, of a block that begins at 0.
fn blocks(block: &str, count: Option<u32>, bits: Option<u32>) -> Result<Value, String> {
    let (network, _) = block.rsplit_once(".0/").ok_or("an unsupported CIDR block")?;
    let (count, bits) = count.zip(bits).ok_or("Fn::Cidr without numbers")?;
    Ok((0..count).map(|at| format!("{network}.{}/{}", at << bits, 32 - bits)).collect::<Vec<_>>().into())
}
