use super::*;

struct Fixed(&'static [(&'static str, &'static str)]);

impl Environment for Fixed {
    fn get(&self, name: &str) -> Result<String, VarError> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()).ok_or(VarError::NotPresent)
    }
}

/// The value of `key` in a one-line file.
fn read(file: &str, environment: &Fixed) -> Result<Text, Problem> {
    let table = toml::de::DeTable::parse(file).unwrap();
    let value = table.get_ref().iter().next().unwrap().1;
    Text::expand(file, value.span(), value.get_ref().as_str().unwrap(), environment)
}

fn pointed_at<'a>(file: &'a str, text: &Text, part: &str) -> &'a str {
    let start = text.as_str().find(part).unwrap();
    &file[text.part(start..start + part.len())]
}

#[test]
fn every_kind_of_literal_keeps_its_places() {
    for file in [
        r#"k = "ab X cd""#,
        r"k = 'ab X cd'",
        "k = \"\"\"\nab X cd\"\"\"",
        "k = '''\nab X cd'''",
        r#"k = "\t\u00e9\U0001F600\\ X \x41""#,
        "k = \"\"\"a\\\n   b X \"\"\"",
        "k = \"\"\"a\r\n X \"\"\"",
        "k = \"éé X 😀\"",
    ] {
        let text = read(file, &Fixed(&[])).unwrap();
        assert_eq!(pointed_at(file, &text, "X"), "X", "{file}");
    }
}

#[test]
fn the_end_of_a_value_is_before_its_closing_quote() {
    let file = r#"k = "abc""#;
    let text = read(file, &Fixed(&[])).unwrap();
    assert_eq!(text.part(3..3), 8..8);
    assert_eq!(text.part(90..99), 9..9);
}

#[test]
fn variables_are_put_in_and_the_rest_keeps_its_place() {
    let file = r#"k = "a${ONE}b${TWO}X""#;
    let text = read(file, &Fixed(&[("ONE", "1 one"), ("TWO", "")])).unwrap();
    assert_eq!(text.as_str(), "a1 onebX");
    assert_eq!(pointed_at(file, &text, "X"), "X");
    assert_eq!(pointed_at(file, &text, "b"), "b${TWO}");
}

#[test]
fn a_value_is_not_expanded_twice() {
    let text = read(r#"k = "${ONE}""#, &Fixed(&[("ONE", "${TWO}")])).unwrap();
    assert_eq!(text.as_str(), "${TWO}");
}

#[test]
fn dollars_that_are_no_variables_stay() {
    let text = read(r#"k = "$1 $$ $${HOME} $""#, &Fixed(&[])).unwrap();
    assert_eq!(text.as_str(), "$1 $$ ${HOME} $");
}

#[test]
fn a_mistake_in_a_variable_is_shown_where_the_variable_stands() {
    for (file, place, message) in [
        (r#"k = "a ${NONE} b""#, "${NONE}", "the environment variable `NONE` is not set"),
        (r#"k = "a ${1x} b""#, "${1x}", "`1x` is not the name of an environment variable"),
        (r#"k = "a ${} b""#, "${}", "`` is not the name of an environment variable"),
        (r#"k = "a ${NONE b""#, "${", "`${` is not closed"),
    ] {
        let problem = read(file, &Fixed(&[])).unwrap_err();
        let start = file.find(place).unwrap();
        assert_eq!(problem.message(), message);
        assert_eq!(problem.span(), Some(start..start + place.len()));
    }
}
