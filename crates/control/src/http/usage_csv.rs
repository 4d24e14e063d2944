//! Usage as CSV.

use std::fmt::{Display, Write as _};

use analytics::UsageRow;

use crate::http::output;

const HEADER: &str = "bucket_start,group,calls,settled,voided,orphaned,failed,cancelled,cache_hits,estimated,input_tokens,\
    cached_input_tokens,cache_write_5m_tokens,cache_write_1h_tokens,audio_input_tokens,output_tokens,reasoning_tokens,\
    audio_output_tokens,image_output_tokens,searches,duration_ms_mean,duration_ms_p50,duration_ms_p95,first_token_ms_mean,\
    first_token_ms_p50,first_token_ms_p95,overhead_us_mean,cost_usd,charged_usd\r\n";

/// A header and the rows.
pub(super) fn table(rows: &[UsageRow]) -> String {
    let mut text = String::from(HEADER);
    for row in rows {
        line(&mut text, row);
    }
    text
}

fn line(text: &mut String, row: &UsageRow) {
    let (figures, sums) = (&row.figures, &row.figures.sums);
    let _ = write!(text, "{},{}", output::time(row.bucket), quoted(&row.group));
    let counts = [
        sums.calls,
        sums.settled,
        sums.voided,
        sums.orphaned,
        sums.failed,
        sums.cancelled,
        sums.cache_hits,
        sums.estimated,
        sums.usage.input,
        sums.usage.cached_input,
        sums.usage.cache_write_5m,
        sums.usage.cache_write_1h,
        sums.usage.audio_input,
        sums.usage.output,
        sums.usage.reasoning,
        sums.usage.audio_output,
        sums.usage.image_output,
        sums.usage.searches,
    ];
    counts.into_iter().for_each(|count| cell(text, Some(count)));
    cell(text, sums.duration_ms.checked_div(sums.calls));
    cell(text, figures.duration.map(|of| of.p50_ms));
    cell(text, figures.duration.map(|of| of.p95_ms));
    cell(text, sums.first_token_ms.checked_div(sums.first_tokens));
    cell(text, figures.first_token.map(|of| of.p50_ms));
    cell(text, figures.first_token.map(|of| of.p95_ms));
    cell(text, sums.overhead_us.checked_div(sums.calls));
    cell(text, Some(sums.cost));
    cell(text, Some(sums.charged));
    text.push_str("\r\n");
}

/// An empty cell for what there is not.
fn cell(text: &mut String, value: Option<impl Display>) {
    text.push(',');
    if let Some(value) = value {
        // Writing to a string does not fail.
        let _ = write!(text, "{value}");
    }
}

/// The names of models come from outside, and a spreadsheet runs a cell that begins like a formula.
fn quoted(text: &str) -> String {
    let safe = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if safe.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_run_nothing() {
        for (text, cell) in [
            ("gpt-4o", "gpt-4o"),
            ("", ""),
            ("=1+1", "'=1+1"),
            ("-x", "'-x"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("@a\nb", "\"'@a\nb\""),
        ] {
            assert_eq!(quoted(text), cell);
        }
    }
}
