//! What do people see in the browser?

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn page(title: &str, content: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\
         <body><h1>{title}</h1>{content}</body></html>"
    )
}

pub(crate) fn login(request: &str, hint: &str, failure: Option<&str>) -> String {
    let failure = failure
        .map(|text| format!("<p role=\"alert\" id=\"error\">{}</p>", escape(text)))
        .unwrap_or_default();
    let content = format!(
        "{failure}<form method=\"post\" action=\"/login\" id=\"login_form\">\
         <input type=\"hidden\" name=\"request\" value=\"{}\">\
         <p><label>Username <input type=\"text\" name=\"un\" id=\"username\" value=\"{}\"></label></p>\
         <p><label>Password <input type=\"password\" name=\"pw\" id=\"password\"></label></p>\
         <p><input type=\"submit\" name=\"Login\" id=\"Login\" value=\"Log In\"></p></form>",
        escape(request),
        escape(hint)
    );
    page("Login | Salesforce (simulated)", &content)
}

pub(crate) fn consent(request: &str, app: &str, username: &str, scopes: &[String]) -> String {
    let items = scopes
        .iter()
        .map(|scope| escape(scope))
        .collect::<Vec<_>>()
        .join("</li><li>");
    let content = format!(
        "<p>{} is asking to act for <b>{}</b>:</p><ul><li>{items}</li></ul>\
         <form method=\"post\" action=\"/setup/secur/RemoteAccessAuthorizationPage.apexp\" id=\"editPage\">\
         <input type=\"hidden\" name=\"request\" value=\"{}\">\
         <button type=\"submit\" name=\"decision\" value=\"deny\" id=\"oadeny\">Deny</button> \
         <button type=\"submit\" name=\"decision\" value=\"allow\" id=\"oaapprove\">Allow</button></form>",
        escape(app),
        escape(username),
        escape(request)
    );
    page("Allow Access? | Salesforce (simulated)", &content)
}

pub(crate) fn error(code: &str, description: &str) -> String {
    let content = format!(
        "<p id=\"error\">We can't authorize you because of an OAuth error.</p><p>{} : {}</p>",
        escape(code),
        escape(description)
    );
    page("OAuth Error | Salesforce (simulated)", &content)
}
