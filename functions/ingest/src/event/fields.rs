//! Lenient reading of an event: a member of an unexpected type is ignored, and the rest is kept.

use std::{fmt, marker::PhantomData};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use crate::path;

/// The members of either event version that a request needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Fields {
    // Version 1.
    http_method: Lenient<String>,
    /// Without the stage, but with a custom domain's base path.
    path: Lenient<String>,
    /// The gateway's route, such as `/{proxy+}`.
    resource: Lenient<String>,
    multi_value_headers: Lenient<LenientMap<List>>,
    // Version 2.
    /// With the stage in front, unless it is `$default`.
    raw_path: Lenient<String>,
    /// The method and route, such as `ANY /{proxy+}`, or `$default`.
    route_key: Lenient<String>,
    request_context: Lenient<RequestContext>,
    // Both versions.
    path_parameters: Lenient<LenientMap<String>>,
    headers: Lenient<LenientMap<String>>,
    body: Lenient<String>,
    is_base64_encoded: Lenient<Flag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RequestContext {
    stage: Lenient<String>,
    http: Lenient<Http>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Http {
    method: Lenient<String>,
}

/// The path that an event names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestPath {
    pub(super) path: String,
    /// Set if the path comes from the gateway's route, so it has no base path.
    pub(super) is_routed: bool,
}

impl Fields {
    pub(super) fn method(&self) -> Option<&str> {
        let http = self.request_context.get().and_then(|context| context.http.get());
        self.http_method.text().or_else(|| http?.method.text())
    }

    /// The gateway's route with its parameters filled in, which has no base path; otherwise the requested path.
    pub(super) fn request_path(&self) -> Option<RequestPath> {
        let template = self.resource.text().or_else(|| self.route_key.text().map(path_of_route_key));
        let template = template.filter(|template| template.starts_with('/'));
        let parameters = self.path_parameters.get().map_or(&[][..], |LenientMap(parameters)| parameters);
        let parameter = |name: &str| parameters.iter().find(|(of, _)| of == name)?.1.text();
        let routed = path::from_template(template.unwrap_or("/{proxy+}"), parameter);
        let asked = self.path.text().or_else(|| self.below_stage());
        // A route without parameters counts only if the path ends with it: hand-made events often keep the route of a sample.
        let is_certain = template.is_some_and(|template| template.contains('{'));
        let ends_with = |routed: &String| asked.is_none_or(|asked| tidy(asked).ends_with(tidy(routed)));
        match routed.filter(|routed| is_certain || ends_with(routed)) {
            Some(path) => Some(RequestPath { path, is_routed: true }),
            None => asked.map(|path| RequestPath { path: path.to_owned(), is_routed: false }),
        }
    }

    /// Version 2's path without the stage.
    fn below_stage(&self) -> Option<&str> {
        let path = self.raw_path.text()?;
        let stage = self.request_context.get().and_then(|context| context.stage.text()).unwrap_or_default();
        let below = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
        let below = below.filter(|below| !stage.is_empty() && (below.is_empty() || below.starts_with('/')));
        Some(below.unwrap_or(path))
    }

    /// Every header that is valid in HTTP, in version 1 with all its values.
    pub(super) fn headers(&mut self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, List(values)) in self.multi_value_headers.take() {
            let Ok(name) = name.parse::<HeaderName>() else { continue };
            for value in values.iter().filter_map(header_value) {
                headers.append(&name, value);
            }
        }
        let header = |(name, value): (String, String)| Some((name.parse().ok()?, HeaderValue::from_str(&value).ok()?));
        // `multiValueHeaders` has every value of a name, unless its entry is not a list.
        let single = self.headers.take().filter_map(header).filter(|(name, _)| !headers.contains_key(name));
        for (name, value) in single.collect::<Vec<(HeaderName, _)>>() {
            headers.append(name, value);
        }
        headers
    }

    pub(super) fn body(&mut self) -> Option<String> {
        self.body.0.take()
    }

    pub(super) fn is_base64_encoded(&self) -> bool {
        matches!(self.is_base64_encoded.get(), Some(Flag(true)))
    }
}

fn header_value(value: &Lenient<String>) -> Option<HeaderValue> {
    HeaderValue::from_str(value.text()?).ok()
}

fn path_of_route_key(route_key: &str) -> &str {
    route_key.split_once(' ').map_or("", |(_, path)| path.trim())
}

fn tidy(path: &str) -> &str {
    path.trim_matches('/')
}

/// A member's value; `None` if it is missing or of an unexpected type.
#[derive(Debug)]
struct Lenient<T>(Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Lenient<T> {
    const fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl Lenient<String> {
    fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<T> Lenient<LenientMap<T>> {
    /// The members that have a value.
    fn take(&mut self) -> impl Iterator<Item = (String, T)> + use<T> {
        let members = self.0.take().map(|LenientMap(members)| members).unwrap_or_default();
        members.into_iter().filter_map(|(name, Lenient(value))| Some((name, value?)))
    }
}

/// A type that is read from some JSON types; every other value becomes `None`.
trait Expected<'de>: Sized {
    fn of_text(_: &str) -> Option<Self> {
        None
    }

    fn of_flag(_: bool) -> Option<Self> {
        None
    }

    fn of_list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn of_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl Expected<'_> for String {
    fn of_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

/// A boolean, or a string that spells one, which shells and templates produce.
#[derive(Debug)]
struct Flag(bool);

impl Expected<'_> for Flag {
    fn of_text(text: &str) -> Option<Self> {
        Some(Self(text.eq_ignore_ascii_case("true")))
    }

    fn of_flag(flag: bool) -> Option<Self> {
        Some(Self(flag))
    }
}

/// Strings, and `None` for elements of other types.
#[derive(Debug)]
struct List(Vec<Lenient<String>>);

impl<'de> Expected<'de> for List {
    fn of_list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(Some(Self(texts)))
    }
}

/// The members of an object, in order.
#[derive(Debug)]
struct LenientMap<T>(Vec<(String, Lenient<T>)>);

impl<'de, T: Expected<'de>> Expected<'de> for LenientMap<T> {
    fn of_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = object.next_entry()? {
            members.push(member);
        }
        Ok(Some(Self(members)))
    }
}

impl<'de> Expected<'de> for RequestContext {
    fn of_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(object)).map(Some)
    }
}

impl<'de> Expected<'de> for Http {
    fn of_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(object)).map(Some)
    }
}

impl<'de, T: Expected<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue(PhantomData)).map(Self)
    }
}

struct AnyValue<T>(PhantomData<T>);

impl<'de, T: Expected<'de>> Visitor<'de> for AnyValue<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Option<T>, E> {
        Ok(T::of_flag(flag))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<T>, E> {
        Ok(T::of_text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Option<T>, A::Error> {
        T::of_list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Option<T>, A::Error> {
        T::of_object(object)
    }
}
