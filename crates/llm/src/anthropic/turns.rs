//! The order that Anthropic demands of a conversation: leading system texts apart, user and assistant in turn, tool
//! results first in their message.

use serde_json::{Value, json};

use crate::chat::{ChatCall, Message, Part, PartKind, Rest, Role};
use crate::dialect::Dialect;
use crate::marks;
use crate::outgoing::Dropped;
use crate::restore::Restore;

use super::wire;

/// A text block must not be blank; this stands where a message would have nothing else.
const BLANK: &str = ".";

/// The conversation as it is sent.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Top-level `system` blocks.
    pub(super) system: Vec<Value>,
    /// Names of the tools that the history calls, each once, as sent.
    pub(super) called: Vec<String>,
    /// The last assistant turn calls tools and has no thoughts with a proof.
    pub(super) calls_without_thoughts: bool,
    list: Vec<(&'static str, Vec<Value>)>,
    /// A late system text that came between a tool call and its result.
    held: Vec<Value>,
    ids: Vec<String>,
}

/// The name under which a tool is sent.
pub(super) fn sent_name<'a>(restore: &'a Restore, name: &'a str) -> &'a str {
    restore.tools.iter().find(|(_, original)| original == name).map_or(name, |(sent, _)| sent)
}

impl Turns {
    pub(super) fn write(call: &ChatCall, late_system: bool, restore: &Restore, dropped: &mut Dropped) -> Self {
        let mut turns = Self::default();
        let mut leading = true;
        for (index, message) in call.messages.iter().enumerate() {
            match message.role {
                Role::System | Role::Developer if leading => {
                    turns.system.extend(message.parts.iter().filter_map(wire::write_part));
                }
                Role::System | Role::Developer => turns.late_system(message, late_system),
                Role::Assistant => {
                    leading = false;
                    turns.release();
                    turns.assistant((call, index), restore, dropped);
                }
                Role::User | Role::Tool => {
                    leading = false;
                    turns.user((call, index), dropped);
                }
            }
        }
        turns.release();
        turns.close();
        turns
    }

    /// Takes the list of messages.
    pub(super) fn messages(&mut self) -> Value {
        std::mem::take(&mut self.list).into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
    }

    /// Adds blocks to the last turn if it has the role, else begins one.
    fn add(&mut self, role: &'static str, blocks: Vec<Value>) {
        match self.list.last_mut() {
            Some((last, content)) if *last == role => content.extend(blocks),
            _ => self.list.push((role, blocks)),
        }
    }

    fn user(&mut self, (call, index): (&ChatCall, usize), dropped: &mut Dropped) {
        let message = &call.messages[index];
        let mut blocks = Vec::new();
        for (at, part) in message.parts.iter().enumerate() {
            match wire::write_part(part) {
                Some(block) => blocks.push(block),
                None if is_blank(part) => {}
                None => dropped.add(call.part_path(index, at)),
            }
        }
        if !blocks.iter().any(is_result) {
            self.release();
        }
        self.add("user", blocks);
    }

    fn assistant(&mut self, (call, index): (&ChatCall, usize), restore: &Restore, dropped: &mut Dropped) {
        let message = &call.messages[index];
        let mut blocks = Vec::new();
        for (at, part) in message.parts.iter().enumerate() {
            if let PartKind::ToolCall(called) = &part.kind {
                let id = marks::anthropic_id(&called.id);
                // The same call twice is refused.
                if self.ids.contains(&id) {
                    continue;
                }
                let name = sent_name(restore, &called.name).to_owned();
                let mut block = wire::tool_use(&id, &name, &called.arguments);
                if let Some(cache) = &part.cache {
                    block["cache_control"] = wire::cache_value(cache);
                }
                Rest::put(part.rest.as_deref(), Dialect::Anthropic, &mut block);
                blocks.push(block);
                self.ids.push(id);
                if !self.called.contains(&name) {
                    self.called.push(name);
                }
                continue;
            }
            match wire::write_part(part) {
                Some(block) => blocks.push(block),
                // Thoughts without a proof of this provider's cannot be sent back; blank text says nothing.
                None if is_blank(part) || matches!(part.kind, PartKind::Thinking(_)) => {}
                None => dropped.add(call.part_path(index, at)),
            }
        }
        let of = |kind: &str| blocks.iter().any(|block| block["type"] == kind);
        self.calls_without_thoughts = of("tool_use") && !of("thinking") && !of("redacted_thinking");
        self.add("assistant", blocks);
    }

    /// Never hoisted: that would rewrite the cached beginning of the conversation.
    fn late_system(&mut self, message: &Message, in_place: bool) {
        let blocks: Vec<Value> = message.parts.iter().filter_map(wire::write_part).collect();
        if in_place && self.list.last().is_some_and(|(role, _)| *role == "user") {
            return self.add("system", blocks);
        }
        let noted = blocks.into_iter().map(|mut block| {
            if let Some(text) = block.get("text").and_then(Value::as_str) {
                block["text"] = json!(format!("[Note from the operator, not from the user]\n{text}"));
            }
            block
        });
        self.held.extend(noted);
        let calling =
            self.list.last().is_some_and(|(role, content)| *role == "assistant" && content.iter().any(|block| block["type"] == "tool_use"));
        if !calling {
            self.release();
        }
    }

    fn release(&mut self) {
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.add("user", held);
        }
    }

    /// Puts results first, fills what is empty, and trims the end of a final assistant text.
    fn close(&mut self) {
        // The first turn must be the user's.
        if self.list.first().is_none_or(|(role, _)| *role == "assistant") {
            self.list.insert(0, ("user", Vec::new()));
        }
        for (role, content) in &mut self.list {
            if *role == "user" {
                content.sort_by_key(|block| !is_result(block));
            }
            if content.is_empty() {
                content.push(json!({"type": "text", "text": BLANK}));
            }
        }
        if let Some(("assistant", content)) = self.list.last_mut()
            && let Some(last) = content.last_mut()
            && let Some(text) = last.get("text").and_then(Value::as_str)
        {
            last["text"] = json!(text.trim_end());
        }
    }
}

fn is_result(block: &Value) -> bool {
    block["type"] == "tool_result"
}

fn is_blank(part: &Part) -> bool {
    matches!(&part.kind, PartKind::Text(text) | PartKind::Refusal(text) if text.trim().is_empty())
}
