//! Turning an answer back: what was renamed or disguised on the way out is undone on the way in.

use crate::chat::{ChatDelta, ChatReply, FinishKind, Part, PartKind};

/// What a request's writer changed, so that the answer can be changed back. Made per request: two calls can never
/// confuse each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restore {
    /// Sent tool name → the caller's.
    pub tools: Vec<(String, String)>,
    /// The tool that stood for a JSON Schema: its arguments are the answer's text.
    pub json_tool: Option<String>,
    json_calls: Vec<(u32, u32)>,
    other_calls: bool,
}

impl Restore {
    /// Nothing was changed.
    pub fn is_noop(&self) -> bool {
        self.tools.is_empty() && self.json_tool.is_none()
    }

    /// Changes a whole answer back.
    pub fn reply(&self, reply: &mut ChatReply) {
        if self.is_noop() {
            return;
        }
        for choice in &mut reply.choices {
            let (mut disguised, mut real) = (false, false);
            for part in &mut choice.parts {
                let PartKind::ToolCall(call) = &mut part.kind else { continue };
                if self.json_tool.as_deref() == Some(call.name.as_str()) {
                    disguised = true;
                    *part = Part::text(std::mem::take(&mut call.arguments));
                } else {
                    real = true;
                    self.rename(&mut call.name);
                }
            }
            if let Some(finish) = choice.finish.as_mut().filter(|finish| finish.kind == FinishKind::ToolCalls && disguised && !real) {
                finish.kind = FinishKind::Stop;
            }
        }
    }

    /// Changes one step of a stream back. Call it with every delta of the stream, in order; none means: skip it.
    pub fn delta(&mut self, delta: ChatDelta) -> Option<ChatDelta> {
        if self.is_noop() {
            return Some(delta);
        }
        match delta {
            ChatDelta::ToolStart { choice, index, id, mut name, signature } => {
                if self.json_tool.as_deref() == Some(name.as_str()) {
                    self.json_calls.push((choice, index));
                    return None;
                }
                self.other_calls = true;
                self.rename(&mut name);
                Some(ChatDelta::ToolStart { choice, index, id, name, signature })
            }
            ChatDelta::ToolArgs { choice, index, fragment } if self.json_calls.contains(&(choice, index)) => {
                Some(ChatDelta::Text { choice, text: fragment })
            }
            ChatDelta::Finish { choice, mut finish } => {
                if finish.kind == FinishKind::ToolCalls && !self.json_calls.is_empty() && !self.other_calls {
                    finish.kind = FinishKind::Stop;
                }
                Some(ChatDelta::Finish { choice, finish })
            }
            other => Some(other),
        }
    }

    fn rename(&self, name: &mut String) {
        if let Some((_, original)) = self.tools.iter().find(|(sent, _)| sent == name) {
            name.clone_from(original);
        }
    }
}
