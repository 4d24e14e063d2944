//! The messages of an OpenAI chat request, walked once without keeping them.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::text::Text;

/// Parts that are not text: their tokens are not bounded by their bytes in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Media {
    /// Messages in all.
    pub messages: u64,
    /// Image parts.
    pub images: u64,
    /// Audio, file and other parts.
    pub others: u64,
    /// Bytes of media data inside the body (data URIs, base64), which are no text.
    pub inline_bytes: u64,
    /// Something is named that lies in the provider's own store, under whoever's key it was put there.
    pub stored: bool,
}

/// The messages, walked once without keeping them.
pub(super) struct Messages<'a>(pub(super) Media, std::marker::PhantomData<&'a ()>);

impl<'de: 'a, 'a> Deserialize<'de> for Messages<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Media;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of messages")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Media, A::Error> {
                let mut media = Media::default();
                while seq.next_element_seed(Message(&mut media))?.is_some() {
                    media.messages += 1;
                }
                if media.messages == 0 {
                    return Err(A::Error::custom("`messages` is empty"));
                }
                Ok(media)
            }
        }
        from.deserialize_seq(V).map(|media| Messages(media, std::marker::PhantomData))
    }
}

struct Message<'m>(&'m mut Media);

impl<'de> DeserializeSeed<'de> for Message<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Message<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_role = false;
        while let Some(name) = map.next_key::<Text<'de>>()? {
            match &*name {
                "role" => {
                    map.next_value::<Text<'de>>()?;
                    has_role = true;
                }
                "content" => map.next_value_seed(Content(self.0))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if has_role { Ok(()) } else { Err(A::Error::missing_field("role")) }
    }
}

struct Content<'m>(&'m mut Media);

impl<'de> DeserializeSeed<'de> for Content<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Content<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a list of parts or null")
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        #[derive(Deserialize)]
        struct Part<'a> {
            #[serde(borrow, rename = "type")]
            kind: Cow<'a, str>,
            #[serde(borrow, default)]
            image_url: Option<&'a RawValue>,
            #[serde(borrow, default)]
            input_audio: Option<&'a RawValue>,
            #[serde(borrow, default)]
            file: Option<&'a RawValue>,
        }
        while let Some(part) = seq.next_element::<Part<'de>>()? {
            match part.kind.as_ref() {
                "text" | "refusal" => continue,
                "image_url" => self.0.images += 1,
                _ => self.0.others += 1,
            }
            self.0.stored |= part.file.is_some_and(|raw| raw.get().contains("file_id"));
            let bytes = [part.image_url, part.input_audio, part.file].into_iter().flatten().map(|raw| raw.get().len()).sum::<usize>();
            self.0.inline_bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        }
        Ok(())
    }
}
