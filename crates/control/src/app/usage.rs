//! How much was used.

use analytics::{UsageAnswer, UsageQuestion};
use domain::Fault;

use crate::app::caller::Management;
use crate::app::{Control, ask, checks};

impl Control {
    /// The sums of calls that the caller sees, by the hour of their start. A range that begins or ends within an hour includes that hour.
    pub async fn usage(&self, who: &Management, question: &UsageQuestion) -> Result<UsageAnswer, Fault> {
        if question.range.from >= question.range.to {
            return Err(checks::invalid("from", "`from` must be before `to`"));
        }
        ask::analytics(analytics::usage(&self.analytics, who.scope(), who.projects(), question)).await
    }
}
