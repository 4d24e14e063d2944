//! What a model can do and which media it takes and gives, as small sets.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! small_set {
    ($(#[$set_doc:meta])* $set:ident of $(#[$doc:meta])* $item:ident : $bits:ty { $($(#[$item_doc:meta])* $name:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $item { $($(#[$item_doc])* $name,)* }

        impl $item {
            /// Every one, in the order of the data files.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The spelling in data files and in `/v1/models`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            const fn bit(self) -> $bits {
                1 << self as $bits
            }
        }

        $(#[$set_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $set($bits);

        impl $set {
            /// The empty set.
            pub const NONE: Self = Self(0);

            /// True when the set holds `item`.
            pub const fn has(self, item: $item) -> bool {
                self.0 & item.bit() != 0
            }

            /// The set with `item`.
            #[must_use]
            pub const fn with(self, item: $item) -> Self {
                Self(self.0 | item.bit())
            }

            /// Everything in either set.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Everything in this set and not in `other`.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// Everything in both sets.
            #[must_use]
            pub const fn intersection(self, other: Self) -> Self {
                Self(self.0 & other.0)
            }

            /// True when every member of `needed` is in this set.
            pub const fn covers(self, needed: Self) -> bool {
                self.0 & needed.0 == needed.0
            }

            /// True when nothing is in the set.
            pub const fn is_empty(&self) -> bool {
                self.0 == 0
            }

            /// The members, in the order of the data files.
            pub fn iter(self) -> impl Iterator<Item = $item> {
                $item::ALL.iter().copied().filter(move |&item| self.has(item))
            }
        }

        impl FromIterator<$item> for $set {
            fn from_iter<I: IntoIterator<Item = $item>>(items: I) -> Self {
                items.into_iter().fold(Self::NONE, Self::with)
            }
        }

        impl fmt::Debug for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }

        impl Serialize for $set {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_seq(self.iter())
            }
        }

        impl<'de> Deserialize<'de> for $set {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Members;
                impl<'de> serde::de::Visitor<'de> for Members {
                    type Value = $set;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a list of ", stringify!($item), " names"))
                    }
                    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<$set, A::Error> {
                        let mut set = $set::NONE;
                        while let Some(item) = list.next_element()? {
                            set = set.with(item);
                        }
                        Ok(set)
                    }
                }
                from.deserialize_seq(Members)
            }
        }
    };
}

small_set! {
    /// A set of capabilities.
    Capabilities of
    /// Something that a model can do beyond text in, text out.
    Capability: u32 {
        /// Calls functions.
        Tools => "tools",
        /// Calls several functions in one turn.
        ParallelTools => "parallel_tools",
        /// Obeys `tool_choice`.
        ToolChoice => "tool_choice",
        /// Reads images.
        Vision => "vision",
        /// Reads PDF files.
        Pdf => "pdf",
        /// Answers in a given JSON schema.
        JsonSchema => "json_schema",
        /// Thinks before it answers.
        Reasoning => "reasoning",
        /// Hears audio.
        AudioInput => "audio_input",
        /// Speaks.
        AudioOutput => "audio_output",
        /// Watches video.
        VideoInput => "video_input",
        /// Streams its answer.
        Streaming => "streaming",
        /// Takes system messages.
        SystemMessages => "system_messages",
        /// The provider caches prompts and says so in its usage.
        PromptCache => "prompt_cache",
        /// Searches the web at the provider.
        WebSearch => "web_search",
        /// Drives a computer.
        ComputerUse => "computer_use",
        /// Continues an assistant turn that the caller began.
        AssistantPrefill => "assistant_prefill",
        /// Draws images in its answer.
        ImageOutput => "image_output",
    }
}

small_set! {
    /// A set of media.
    Modalities of
    /// A medium of input or output.
    Modality: u8 {
        /// Text.
        Text => "text",
        /// Still images.
        Image => "image",
        /// Sound.
        Audio => "audio",
        /// Moving images.
        Video => "video",
        /// Documents.
        File => "file",
        /// Vectors.
        Embedding => "embedding",
    }
}
