//! Lenient reading of an event: a member of an unexpected type is ignored, and the rest is kept.

use std::{fmt, marker::PhantomData};

use http::HeaderValue;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use shared::json::Key;

use crate::{
    request::{Headers, Query},
    routes,
};

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
    multi_value_headers: Lenient<KnownHeaders<List>>,
    // Version 2.
    /// With the stage in front, unless it is `$default`.
    raw_path: Lenient<String>,
    /// The method and route, such as `ANY /{proxy+}`, or `$default`.
    route_key: Lenient<String>,
    request_context: Lenient<RequestContext>,
    // Both versions.
    path_parameters: Lenient<LenientMap<String>>,
    /// Decoded. Version 1 has the last value of a repeated name, version 2 all of them, separated by commas.
    query_string_parameters: Lenient<LenientMap<String>>,
    headers: Lenient<KnownHeaders<String>>,
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
        let routed = routes::from_template(template.unwrap_or("/{proxy+}"), parameter);
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

    /// The headers that are valid in HTTP. `multiValueHeaders` has every value of a name, unless its entry is not a list.
    pub(super) fn headers(&mut self) -> Headers {
        let lists = self.multi_value_headers.0.take().unwrap_or_default();
        let singles = self.headers.0.take().unwrap_or_default();
        let values = |lists: Vec<List>, singles: Vec<String>| {
            let mut values: Vec<_> = lists.iter().flat_map(|List(list)| list).filter_map(header_value).collect();
            if values.is_empty() {
                values.extend(singles.iter().filter_map(|value| HeaderValue::from_str(value).ok()));
            }
            values
        };
        let content_types = values(lists.content_type, singles.content_type);
        Headers { content_type: content_types.into_iter().next(), accept: values(lists.accept, singles.accept) }
    }

    pub(super) fn query(&mut self) -> Query {
        let LenientMap(parameters) = self.query_string_parameters.0.take().unwrap_or_default();
        Query(parameters.into_iter().filter_map(|(name, Lenient(value))| Some((name, value?))).collect())
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

impl<T> Default for LenientMap<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Expected<'de>> Expected<'de> for LenientMap<T> {
    fn of_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = object.next_entry()? {
            members.push(member);
        }
        Ok(Some(Self(members)))
    }
}

/// The values of the headers that a response depends on, whatever the case of their names. The others take no memory.
#[derive(Debug)]
struct KnownHeaders<T> {
    content_type: Vec<T>,
    accept: Vec<T>,
}

impl<T> Default for KnownHeaders<T> {
    fn default() -> Self {
        Self { content_type: Vec::new(), accept: Vec::new() }
    }
}

impl<'de, T: Expected<'de>> Expected<'de> for KnownHeaders<T> {
    fn of_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        let mut headers = Self::default();
        while let Some(Key(name)) = object.next_key()? {
            let values = if name.eq_ignore_ascii_case("content-type") {
                &mut headers.content_type
            } else if name.eq_ignore_ascii_case("accept") {
                &mut headers.accept
            } else {
                object.next_value::<IgnoredAny>()?;
                continue;
            };
            let Lenient(value) = object.next_value()?;
            values.extend(value);
        }
        Ok(Some(headers))
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
