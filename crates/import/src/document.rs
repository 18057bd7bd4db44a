//! From the bytes of a file to a tree of elements, each with its place. What is hostile is refused here.

use roxmltree::{Node, ParsingOptions};
use standpipe_deployment::{Problem, Problems, Source, Span};

use crate::InputFile;

/// A definition has some kilobytes. One that is longer than this is the wrong file.
pub(crate) const LONGEST: usize = 4 * 1024 * 1024;

/// The schemas need ten levels.
const DEEPEST: usize = 64;

/// Elements, attributes excluded. The largest definition has 25 roles.
const MOST_NODES: u32 = 100_000;

/// An element or an attribute, by its number in the order of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    /// Which file, in the order in which they were given.
    pub(crate) file: usize,
    /// Which element, attribute or text of it, in the order of the file.
    pub(crate) node: usize,
}

/// A file that is well-formed XML.
#[derive(Debug)]
pub(crate) struct Document {
    /// Its text, for messages.
    pub(crate) source: Source,
    /// Its outermost element.
    pub(crate) root: Element,
}

/// An element.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) id: Id,
    /// Its name without a prefix.
    pub(crate) name: String,
    /// Its namespace, if it has one.
    pub(crate) namespace: Option<String>,
    /// Where its start tag begins, up to the end of its name.
    pub(crate) span: Span,
    /// The line of its start tag, from 1.
    pub(crate) line: usize,
    /// Where it is, for people: `WorkerRole[Watcher]/Endpoints`.
    pub(crate) path: String,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) children: Vec<Self>,
    /// Where text stands in it that is more than white space.
    pub(crate) text: Option<(Id, usize)>,
}

/// An attribute of an element.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) value: String,
    /// Where its value is.
    pub(crate) span: Span,
    /// Its line, from 1.
    pub(crate) line: usize,
}

impl Element {
    /// An attribute by its name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The value of an attribute without white space around it, if it has one.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.attribute(name).map(|attribute| attribute.value.trim())
    }

    /// Its name attribute; empty if there is none.
    pub(crate) fn label(&self) -> &str {
        self.value("name").unwrap_or_default()
    }

    /// The children of this name.
    pub(crate) fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The children named `inner` of the children named `outer`.
    pub(crate) fn within<'e>(&'e self, outer: &'e str, inner: &'e str) -> impl Iterator<Item = &'e Self> {
        self.all(outer).flat_map(move |child| child.all(inner))
    }

    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }
}

impl Document {
    /// Reads a file as XML. `file` is its number among the files.
    pub(crate) fn read(file: usize, input: &InputFile) -> Result<Self, Problems> {
        let refuse = |problem| Problems::one(&Source::new(&input.path, String::new()), problem);
        let text = decode(&input.bytes).map_err(refuse)?;
        let source = Source::new(&input.path, text);
        let options =
            ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
        let parsed = roxmltree::Document::parse_with_options(source.text(), options)
            .map_err(|error| Problems::one(&source, malformed(source.text(), &error)))?;
        let lines = Lines::of(source.text());
        let mut reader = Reader { file, next: 0, lines: &lines };
        let root = reader
            .element(parsed.root_element(), "", 1)
            .map_err(|problem| Problems::one(&source, problem))?;
        Ok(Self { source: source.clone(), root })
    }
}

/// What is wrong with a text that is no XML, or none that is read.
fn malformed(text: &str, error: &roxmltree::Error) -> Problem {
    let at = offset(text, error.pos());
    let problem = |message: &str| Problem::at(at..at, message);
    match error {
        roxmltree::Error::DtdDetected => Problem::at(
            text.find("<!DOCTYPE").map_or(0..0, |at| at..at + 9),
            "the file has a document type declaration",
        )
        .label("entities could be declared here")
        .hint("remove the DOCTYPE: definitions and configurations need none"),
        roxmltree::Error::NodesLimitReached => {
            Problem::of_file(format!("the file has more than {MOST_NODES} elements"))
                .hint("is it the right file?")
        }
        other => problem("the file is not well-formed XML").label(other.to_string()),
    }
}

/// The byte at a line and a column, both from 1.
fn offset(text: &str, position: roxmltree::TextPos) -> usize {
    let line = usize::try_from(position.row).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(position.col).unwrap_or(1).saturating_sub(1);
    let start = text.split_inclusive('\n').take(line).map(str::len).sum::<usize>();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column).map_or(rest.len(), |(index, _)| index)
}

/// The text in the bytes of a file.
fn decode(bytes: &[u8]) -> Result<String, Problem> {
    if bytes.len() > LONGEST {
        return Err(Problem::of_file("the file is longer than 4 MiB").hint("is it the right file?"));
    }
    let unreadable = |encoding: &str| {
        Problem::of_file(format!("the file is not {encoding} text"))
            .hint("save it as UTF-8, as Visual Studio does")
    };
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            Err(Problem::of_file("the file is UTF-32 text").hint("save it as UTF-8"))
        }
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).ok_or_else(|| unreadable("valid UTF-16")),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).ok_or_else(|| unreadable("valid UTF-16")),
        [b'<', 0, ..] => utf16(bytes, u16::from_le_bytes).ok_or_else(|| unreadable("valid UTF-16")),
        [0, b'<', ..] => utf16(bytes, u16::from_be_bytes).ok_or_else(|| unreadable("valid UTF-16")),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<String, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = good.split(|byte| *byte == b'\n').count();
        let declared =
            declared_encoding(bytes).map_or_else(String::new, |name| format!(" (it says `{name}`)"));
        Problem::of_file(format!("the file is not UTF-8 text{declared}: line {line} holds another encoding"))
            .hint("save it as UTF-8, with encoding=\"utf-8\" in its first line")
    })?;
    Ok(text.to_owned())
}

/// What an XML declaration says of the encoding, where it is one that the bytes could be.
fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let start = String::from_utf8_lossy(bytes.get(..bytes.len().min(200))?).into_owned();
    let declaration = start.strip_prefix("<?xml")?.split("?>").next()?;
    let (_, rest) = declaration.split_once("encoding")?;
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split(quote).next().map(|name| name.chars().filter(char::is_ascii_graphic).collect())
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    rest.is_empty().then(|| String::from_utf16(&units).ok()).flatten()
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    /// The line of a byte, from 1.
    fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte)
    }
}

/// Makes elements of the parser's nodes, and numbers them.
struct Reader<'a> {
    file: usize,
    next: usize,
    lines: &'a Lines,
}

impl Reader<'_> {
    fn id(&mut self) -> Id {
        self.next += 1;
        Id { file: self.file, node: self.next }
    }

    fn element(&mut self, node: Node<'_, '_>, above: &str, depth: usize) -> Result<Element, Problem> {
        let range = node.range();
        let name = node.tag_name().name().to_owned();
        let span = range.start..(range.start + 1 + name.len()).min(range.end);
        if depth > DEEPEST {
            return Err(Problem::at(span, format!("elements are nested more than {DEEPEST} levels deep"))
                .hint("is it the right file? A definition needs ten levels"));
        }
        let id = self.id();
        let path = match node.attribute("name").or_else(|| node.attribute("moduleName")) {
            Some(label) if !above.is_empty() || depth > 1 => format!("{name}[{}]", label.trim()),
            _ => name.clone(),
        };
        let path = if above.is_empty() { path } else { format!("{above}/{path}") };
        let attributes = node.attributes().map(|attribute| self.attribute(&attribute)).collect();
        let text = node
            .children()
            .find(|child| child.is_text() && child.text().is_some_and(|text| !text.trim().is_empty()))
            .map(|child| (self.id(), self.lines.at(child.range().start)));
        // The outermost element is the same in every path.
        let below = if depth == 1 { "" } else { &path };
        let children = node.children().filter(Node::is_element);
        let children =
            children.map(|child| self.element(child, below, depth + 1)).collect::<Result<_, _>>()?;
        let namespace = node.tag_name().namespace().map(str::to_owned);
        let line = self.lines.at(range.start);
        Ok(Element { id, name, namespace, span, line, path, attributes, children, text })
    }

    fn attribute(&mut self, attribute: &roxmltree::Attribute<'_, '_>) -> Attribute {
        let name = match attribute.namespace() {
            // Such as `xsi:schemaLocation`: not one of the schema's own.
            Some(namespace) => format!("{{{namespace}}}{}", attribute.name()),
            None => attribute.name().to_owned(),
        };
        let span = attribute.range_value();
        let line = self.lines.at(attribute.range().start);
        Attribute { id: self.id(), name, value: attribute.value().to_owned(), span, line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: impl Into<Vec<u8>>) -> Result<Document, String> {
        let input = InputFile { path: "x.csdef".into(), bytes: bytes.into() };
        Document::read(0, &input).map_err(|problems| problems.render(false))
    }

    const SMALL: &str =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<a xmlns=\"urn:a\">\r\n  <b name=\"ü\"/>\r\n</a>";

    fn utf16_bytes(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn every_encoding_that_visual_studio_writes_is_read() {
        let with_mark = format!("\u{feff}{SMALL}");
        let texts = [
            SMALL.as_bytes().to_vec(),
            with_mark.as_bytes().to_vec(),
            utf16_bytes(&with_mark, u16::to_le_bytes),
            utf16_bytes(&with_mark, u16::to_be_bytes),
            utf16_bytes(SMALL, u16::to_le_bytes),
            utf16_bytes(SMALL, u16::to_be_bytes),
        ];
        for bytes in texts {
            let document = read(bytes).unwrap();
            let b = document.root.child("b").unwrap();
            assert_eq!((b.label(), b.line, b.path.as_str()), ("ü", 3, "b[ü]"));
            assert_eq!(b.namespace.as_deref(), Some("urn:a"));
        }
    }

    #[test]
    fn a_text_in_another_encoding_is_refused_with_its_line() {
        let text = "<?xml version=\"1.0\" encoding=\"windows-1252\"?>\n<a>\n<b name=\"\u{1}\"/></a>";
        let bytes: Vec<u8> = text.bytes().map(|byte| if byte == 1 { 0xfc } else { byte }).collect();
        let refused = read(bytes).unwrap_err();
        assert!(refused.contains("it says `windows-1252`") && refused.contains("line 3"), "{refused}");
        assert!(read([0xff, 0xfe, b'<', 0, 0]).unwrap_err().contains("UTF-16"));
        assert!(read([0xff, 0xfe, 0, 0, b'<', 0, 0, 0]).unwrap_err().contains("UTF-32"));
        assert!(read([0xff, 0xfe, 0, 0xd8]).unwrap_err().contains("UTF-16"));
    }

    #[test]
    fn entities_depth_and_size_are_refused() {
        let laughs = "<?xml version=\"1.0\"?>\n<!DOCTYPE a [<!ENTITY l \"lol\">]>\n<a>&l;</a>";
        let refused = read(laughs).unwrap_err();
        assert!(refused.contains("document type declaration") && refused.contains("x.csdef:2"), "{refused}");
        let external = "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>";
        assert!(read(external).unwrap_err().contains("document type declaration"));
        assert!(read("<a>&l;</a>").unwrap_err().contains("not well-formed"));
        let deep = "<a>".repeat(100_000) + &"</a>".repeat(100_000);
        let refused = read(deep).unwrap_err();
        assert!(refused.contains("levels deep") || refused.contains("elements"), "{refused}");
        let deep = "<a>".repeat(65) + &"</a>".repeat(65);
        assert!(read(deep).unwrap_err().contains("nested more than 64 levels deep"));
        let many = format!("<a>{}</a>", "<b/>".repeat(100_001));
        assert!(read(many).unwrap_err().contains("more than 100000 elements"));
        assert!(read(vec![b' '; LONGEST + 1]).unwrap_err().contains("longer than 4 MiB"));
    }

    #[test]
    fn what_is_no_xml_is_refused_with_its_place() {
        let refused = read("<a>\n  <b>\n</a>").unwrap_err();
        assert!(refused.contains("x.csdef:3:"), "{refused}");
        assert!(read("").unwrap_err().contains("not well-formed"));
        assert!(read("name = \"Demo\"").unwrap_err().contains("not well-formed"));
        assert!(read("<a b='1' b='2'/>").is_err());
    }
}
