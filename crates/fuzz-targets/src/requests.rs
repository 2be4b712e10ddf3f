//! What is made of what a browser sends to the callback page?

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use salesforce_connector_operator::api::names;
use salesforce_connector_operator::core::callback::attempt::refused_in;
use salesforce_connector_operator::core::callback::browser::{BrowserLogin, cookie};
use salesforce_connector_operator::core::callback::page::Page;
use salesforce_connector_operator::core::callback::request::{
    BroughtBack, PagePath, brought_back, id_of, page_path, parameter,
};
use salesforce_connector_operator::core::model::limits;

use crate::world;

/// A path, a query and cookies, each on a line.
pub(crate) fn page_request(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let mut lines = text.split('\n');
    let [path, query, cookies] = [(); 3].map(|()| lines.next().unwrap_or_default());
    if let PagePath::Link(link) = page_path(path) {
        assert!(names::is_object_name(link.namespace) && names::is_object_name(link.connector));
        assert!(!link.key.contains(['/', '%', '.', ';']), "{}", link.key);
    }
    if let Some(id) = parameter(query, "state").as_deref().and_then(id_of) {
        let found = cookie(cookies, &BrowserLogin::cookie_name(id)).map(str::to_owned);
        let login = found.and_then(|value| BrowserLogin::read(&value, &world::key()));
        assert_eq!(login, None, "nobody but the operator makes such a cookie");
    }
    match brought_back(query) {
        Some(BroughtBack::Code(code)) => {
            assert!(code.len() <= limits::LOGIN_VALUE && !code.contains([' ', '\n']));
        }
        Some(BroughtBack::Error(error)) => refused(&error),
        None => {}
    }
    let html = Page::new(200, path)
        .paragraph(query)
        .facts([("fact", Some(cookies.to_owned()))])
        .html();
    assert_eq!(
        html.matches("<p>").count() + html.matches("<h1>").count() + html.matches("<dd>").count(),
        3,
        "{html}"
    );
    assert!(!html.contains("<script"), "{html}");
}

/// An error of the login page says little in the status, whatever it says.
fn refused(error: &str) {
    let value = ByteString(error.as_bytes().to_vec());
    let secret = Secret {
        data: Some([(names::LOGIN_ERROR.to_owned(), value)].into()),
        ..Secret::default()
    };
    let (_, said) = refused_in(&secret).expect("an error");
    assert!(
        said.len() <= 100 && said.chars().all(|c| c == ' ' || c.is_ascii_graphic()),
        "{said}"
    );
}
