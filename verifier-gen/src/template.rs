//! Templates with holes named `{{like_this}}`, for Solidity and for everything else in a project.

/// Replaces every hole. A hole without a value stays, which the tests look for.
pub(crate) fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        // `{{{name}}}` is a hole in braces.
        let braces = after.len() - after.trim_start_matches('{').len();
        let (extra, after) = after.split_at(braces);
        text.push_str(extra);
        let hole = after.split_once("}}").and_then(|(name, after)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, after))
        });
        match hole {
            Some((value, after)) => {
                text.push_str(value);
                rest = after;
            }
            None => {
                text.push_str("{{");
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}
