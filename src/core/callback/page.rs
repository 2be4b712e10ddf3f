//! What is a page of the callback page made of? Words that are escaped, one style, and no script.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

/// A page. All text goes through its methods, which escape it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub status: u16,
    title: String,
    /// Whether something good or bad is told, as a class of the style.
    tone: &'static str,
    /// When to load what.
    refresh: Option<(u32, Option<String>)>,
    content: String,
}

/// The one style. Its colours have a contrast of more than 4.5 in light and dark.
pub const STYLE: &str = ":root{color-scheme:light dark;--back:#f5f6f8;--card:#fff;--text:#1b1f24;--dim:#57606a;--line:#d0d7de;\
--act:#0b5cab;--on:#fff;--good:#1a7f37;--bad:#b42318}\
@media(prefers-color-scheme:dark){:root{--back:#0d1117;--card:#161b22;--text:#e6edf3;--dim:#9aa4af;--line:#30363d;\
--act:#58a6ff;--on:#0d1117;--good:#3fb950;--bad:#ff7b72}}\
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--text);\
font:1rem/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif}\
main{max-width:38rem;margin:0 auto;padding:1.5rem 1rem}\
article{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1.25rem;border-top:.3rem solid var(--act)}\
.good article{border-top-color:var(--good)}.bad article{border-top-color:var(--bad)}\
h1{font-size:1.35rem;line-height:1.3;margin:0 0 .75rem}\
p,dd,dt{overflow-wrap:anywhere}p{margin:.75rem 0}\
dl{margin:1rem 0;display:grid;grid-template-columns:minmax(6.5rem,auto) 1fr;gap:.35rem 1rem}\
dt{color:var(--dim)}dd{margin:0;font-weight:600}\
button,.button{display:block;width:100%;padding:.8rem 1rem;border:0;border-radius:.4rem;background:var(--act);color:var(--on);\
font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}\
button:focus-visible,.button:focus-visible{outline:.2rem solid var(--text);outline-offset:.15rem}\
footer{color:var(--dim);font-size:.875rem;padding:1rem .25rem}";

impl Page {
    pub fn new(status: u16, title: &str) -> Self {
        Self {
            status,
            title: title.to_owned(),
            tone: "plain",
            refresh: None,
            content: String::new(),
        }
    }

    #[must_use]
    pub fn good(self) -> Self {
        Self { tone: "good", ..self }
    }

    #[must_use]
    pub fn bad(self) -> Self {
        Self { tone: "bad", ..self }
    }

    /// Load the page again after so many seconds.
    #[must_use]
    pub fn again_in(self, seconds: u32) -> Self {
        Self {
            refresh: Some((seconds, None)),
            ..self
        }
    }

    /// Go to this address, by itself and by a button.
    #[must_use]
    pub fn going_to(self, address: &str, button: &str) -> Self {
        let link = format!(
            "<p><a class=\"button\" rel=\"noreferrer\" href=\"{}\">{}</a></p>",
            escaped(address),
            escaped(button)
        );
        Self {
            refresh: Some((0, Some(address.to_owned()))),
            ..self.with(&link)
        }
    }

    #[must_use]
    pub fn paragraph(self, text: &str) -> Self {
        let text = escaped(text);
        self.with(&format!("<p>{text}</p>"))
    }

    /// Pairs of a name and what it is; those without a value are left out.
    #[must_use]
    pub fn facts<'a>(self, facts: impl IntoIterator<Item = (&'a str, Option<String>)>) -> Self {
        let shown = facts.into_iter().filter_map(|(name, value)| {
            Some(format!("<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(&value?)))
        });
        let shown: String = shown.collect();
        self.with(&format!("<dl>{shown}</dl>"))
    }

    /// A form that sends `value` under `name` to the address of the page itself.
    #[must_use]
    pub fn form(self, (name, value): (&str, &str), button: &str) -> Self {
        let [name, value, button] = [name, value, button].map(escaped);
        self.with(&format!(
            "<form method=\"post\"><input type=\"hidden\" name=\"{name}\" value=\"{value}\"><button>{button}</button></form>"
        ))
    }

    fn with(mut self, html: &str) -> Self {
        self.content.push_str(html);
        self
    }

    pub fn html(&self) -> String {
        let refresh = self
            .refresh
            .as_ref()
            .map_or_else(String::new, |(seconds, address)| {
                let address = address
                    .as_ref()
                    .map_or_else(String::new, |address| format!(";url={}", escaped(address)));
                format!("<meta http-equiv=\"refresh\" content=\"{seconds}{address}\">")
            });
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
             {refresh}<title>{title}</title><style>{STYLE}</style></head><body class=\"{tone}\"><main><article><h1>{title}</h1>{content}\
             </article><footer>Salesforce Connector Operator</footer></main></body></html>\n",
            title = escaped(&self.title),
            tone = self.tone,
            content = self.content,
        )
    }
}

/// What the browser may do with a page: show it with its own style, and send its form back here. No script, nothing from
/// elsewhere, and in no frame.
pub fn content_security_policy() -> String {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
}

/// Text for a page: no mark-up, no control characters, and none that turn the direction of writing.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().map(salesforce_client::visible) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_page_shows_is_mark_up() {
        let evil = "</p><script>alert(1)</script>\"'&\u{202e}\u{1b}[2J";
        let page = Page::new(200, evil)
            .paragraph(evil)
            .facts([(evil, Some(evil.to_owned())), ("none", None)])
            .form((evil, evil), evil)
            .going_to(evil, evil)
            .html();
        let shown = "&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;  [2J";
        assert_eq!(page.matches(shown).count(), 11, "{page}");
        assert!(
            !page.contains("<script") && !page.contains('\u{202e}') && !page.contains("none</dt>"),
            "{page}"
        );
    }

    #[test]
    fn the_policy_allows_the_style_of_the_page_and_nothing_else() {
        let html = Page::new(200, "t").html();
        let style = html
            .split("<style>")
            .nth(1)
            .unwrap()
            .split("</style>")
            .next()
            .unwrap();
        let hash = STANDARD.encode(digest(&SHA256, style.as_bytes()));
        assert_eq!(
            content_security_policy(),
            format!(
                "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
            )
        );
    }
}
