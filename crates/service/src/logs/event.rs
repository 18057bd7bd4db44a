//! Records of the event log of Windows, without Windows: how they are asked for, and what their text holds.

/// Which records are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Their channel, such as `Application`.
    pub channel: String,
    /// The source that wrote them; without it, any.
    pub provider: Option<String>,
}

impl EventQuery {
    /// The query in the language of the event log; of the records after a certain one, if there is one.
    #[cfg_attr(not(windows), allow(dead_code, reason = "only Windows has an event log"))]
    pub(crate) fn expression(&self, after: Option<u64>) -> String {
        let provider = self.provider.iter().map(|provider| format!("Provider[@Name='{provider}']"));
        let after = after.iter().map(|record| format!("(EventRecordID > {record})"));
        let conditions: Vec<String> = provider.chain(after).collect();
        if conditions.is_empty() {
            "*".to_owned()
        } else {
            format!("*[System[{}]]", conditions.join(" and "))
        }
    }
}

/// How serious a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventLevel {
    /// An error, or worse.
    Error,
    /// A warning.
    Warning,
    /// Everything else.
    Information,
}

/// A record of the event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Its channel.
    pub channel: Option<String>,
    /// The source that wrote it.
    pub provider: Option<String>,
    /// What kind of record of its source it is.
    pub event_id: Option<u32>,
    /// Its number in the channel.
    pub record_id: Option<u64>,
    /// How serious it is.
    pub level: EventLevel,
    /// When it was written, as the event log says it.
    pub created: Option<String>,
    /// What it says.
    pub message: String,
}

impl EventRecord {
    /// A record from its XML, as the event log renders it. `message` is the text that its source has for it;
    /// a source that is not installed has none, and then the record's own data are the message.
    #[cfg_attr(not(windows), allow(dead_code, reason = "only Windows has an event log"))]
    pub(crate) fn from_xml(xml: &str, message: Option<String>) -> Self {
        let elements = elements(xml);
        let text = |name: &str| {
            let found = elements.iter().find(|element| element.name == name)?;
            Some(found.text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let attribute = |name: &str, attribute: &str| {
            elements.iter().find(|element| element.name == name)?.attribute(attribute)
        };
        let message = message.map(|text| text.trim_end().to_owned()).filter(|text| !text.is_empty());
        Self {
            channel: text("Channel"),
            provider: attribute("Provider", "Name").or_else(|| attribute("Provider", "EventSourceName")),
            event_id: text("EventID").and_then(|number| number.parse().ok()),
            record_id: text("EventRecordID").and_then(|number| number.parse().ok()),
            level: match text("Level").as_deref() {
                Some("1" | "2") => EventLevel::Error,
                Some("3") => EventLevel::Warning,
                _ => EventLevel::Information,
            },
            created: attribute("TimeCreated", "SystemTime"),
            message: message.unwrap_or_else(|| data(&elements)),
        }
    }
}

/// The data of a record, in the order in which they stand there.
fn data(elements: &[Element]) -> String {
    let begin = elements.iter().position(|element| matches!(&*element.name, "EventData" | "UserData"));
    let own = elements.iter().skip(begin.map_or(elements.len(), |begin| begin + 1));
    let words: Vec<String> = own
        .filter(|element| !element.text.trim().is_empty())
        .map(|element| match element.attribute("Name") {
            Some(name) => format!("{name}={}", element.text.trim()),
            None => element.text.trim().to_owned(),
        })
        .collect();
    words.join(" ")
}

/// An element of XML, with the text before its first child or its end.
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
}

impl Element {
    fn attribute(&self, name: &str) -> Option<String> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

/// The elements of a text in the plain XML that the event log writes: no comments, no sections. Whatever else
/// the text is, it gives some elements and no error.
fn elements(xml: &str) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once('<') {
        let Some(end) = end_of_tag(after) else { break };
        let (tag, after) = after.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        if tag.starts_with(['/', '?', '!']) {
            continue;
        }
        let tag = tag.trim_end_matches('/');
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        let text = rest.split('<').next().unwrap_or_default();
        elements.push(Element {
            name: name.to_owned(),
            attributes: self::attributes(attributes),
            text: unescaped(text),
        });
    }
    elements
}

/// Where the `>` of a tag is; one in a quoted value does not count.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

fn attributes(text: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let Some(quote) = after.chars().next().filter(|c| matches!(c, '"' | '\'')) else { break };
        let Some((value, after)) = after.get(1..).and_then(|value| value.split_once(quote)) else { break };
        attributes.push((name.trim().to_owned(), unescaped(value)));
        rest = after;
    }
    attributes
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let known = after.split_once(';').and_then(|(name, after)| Some((entity(name)?, after)));
        if let Some((character, after)) = known {
            plain.push(character);
            rest = after;
        } else {
            plain.push('&');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RECORD: &str = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>\
        <Provider Name='Simple &amp; Service' Guid='{1}'/><EventID Qualifiers='16384'>1001</EventID><Version>0</Version>\
        <Level>3</Level><Task>0</Task><Keywords>0x80000000000000</Keywords>\
        <TimeCreated SystemTime='2026-11-28T07:00:00.1234567Z'/><EventRecordID>4711</EventRecordID><Correlation/>\
        <Execution ProcessID='4' ThreadID='0'/><Channel>Application</Channel><Computer>HOST</Computer><Security/>\
        </System><EventData><Data>a &lt;b&gt; &quot;c&quot;&#xD;&#10;d</Data><Data Name=\"n'>\">é</Data><Binary/>\
        </EventData></Event>";

    #[test]
    fn a_record_is_read_from_its_xml() {
        let record = EventRecord::from_xml(RECORD, Some("It said: a\r\n".to_owned()));
        assert_eq!(record.channel.as_deref(), Some("Application"));
        assert_eq!(record.provider.as_deref(), Some("Simple & Service"));
        assert_eq!((record.event_id, record.record_id), (Some(1001), Some(4711)));
        assert_eq!(record.level, EventLevel::Warning);
        assert_eq!(record.created.as_deref(), Some("2026-11-28T07:00:00.1234567Z"));
        assert_eq!(record.message, "It said: a");
    }

    #[test]
    fn a_record_whose_source_is_not_installed_says_its_data() {
        for message in [None, Some(String::new())] {
            let record = EventRecord::from_xml(RECORD, message);
            assert_eq!(record.message, "a <b> \"c\"\r\nd n'>=é");
        }
        let user = RECORD.replace("EventData", "UserData").replace("<Data>", "<x:Y xmlns:x='z'>");
        assert!(EventRecord::from_xml(&user, None).message.starts_with("a <b>"));
    }

    #[test]
    fn a_query_names_the_source() {
        let mut query = EventQuery { channel: "Application".into(), provider: Some("My Service".into()) };
        assert_eq!(query.expression(None), "*[System[Provider[@Name='My Service']]]");
        let after = "*[System[Provider[@Name='My Service'] and (EventRecordID > 7)]]";
        assert_eq!(query.expression(Some(7)), after);
        query.provider = None;
        assert_eq!(query.expression(None), "*");
    }

    proptest! {
        #[test]
        fn no_text_is_too_broken(text in "([<>&;='\"/ a-z#]|<Data>|</Data>|Provider|&amp;|\\\\[0-9a-f]{0,4}|é){0,40}") {
            EventRecord::from_xml(&text, None);
        }
    }
}
