//! Why does a request to the callback page lead to nothing?

/// Why a request leads to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// There is nothing, or nothing that whoever asks may know of.
    Nowhere,
    /// A browser has begun this login before.
    LinkUsed,
    /// The time of the login is up.
    Expired,
    /// The connector is suspended.
    Suspended,
    /// The form was not sent by a page of this browser.
    FormExpired,
    /// The answer belongs to no login that this browser began.
    OtherBrowser,
    /// The connector waits for another login, or is another one.
    Superseded,
    /// Neither a code nor an error.
    NoAnswer,
    /// A longer request than any that Salesforce makes a browser send.
    TooLong,
    /// Too many requests.
    Busy,
    /// The API server did not answer, or does not let the operator write.
    Unavailable,
    /// The connector can't be logged in for.
    Unusable(String),
}

impl Notice {
    /// Its name, for who counts them.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Nowhere => "Nowhere",
            Self::LinkUsed => "LinkUsed",
            Self::Expired => "Expired",
            Self::Suspended => "Suspended",
            Self::FormExpired => "FormExpired",
            Self::OtherBrowser => "OtherBrowser",
            Self::Superseded => "Superseded",
            Self::NoAnswer => "NoAnswer",
            Self::TooLong => "TooLong",
            Self::Busy => "Busy",
            Self::Unavailable => "Unavailable",
            Self::Unusable(_) => "Unusable",
        }
    }

    /// The status code of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Nowhere => 404,
            Self::LinkUsed | Self::Expired | Self::Superseded => 410,
            Self::Suspended | Self::Unusable(_) => 409,
            Self::FormExpired | Self::OtherBrowser | Self::NoAnswer => 400,
            Self::TooLong => 414,
            Self::Busy => 429,
            Self::Unavailable => 503,
        }
    }

    /// What happened, as a heading.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Nowhere => "There is nothing here",
            Self::LinkUsed => "This link was used before",
            Self::Expired => "The time for this login is up",
            Self::Suspended => "The connector is suspended",
            Self::FormExpired => "This page was open for too long",
            Self::OtherBrowser => "This browser did not begin this login",
            Self::Superseded => "This login was replaced or withdrawn",
            Self::NoAnswer => "This is not an answer from Salesforce",
            Self::TooLong => "This request is too long",
            Self::Busy => "Too many requests",
            Self::Unavailable => "The operator can't do this now",
            Self::Unusable(_) => "This connector can't be logged in for",
        }
    }

    /// What it means, and what to do.
    pub fn text(&self) -> String {
        let text = match self {
            Self::Nowhere => {
                "A link of this page works once, and for 15 minutes. To get a new one, run kubectl salesforce login NAME --link."
            }
            Self::LinkUsed => {
                "A link works once, in one browser. If you did not open it before, somebody else did: check who that was. To get \
                 a new link, run kubectl salesforce login NAME --link again. This also ends the login of the old link."
            }
            Self::Expired => {
                "A login must end within 15 minutes of its link. Nothing has changed. To get a new link, run kubectl salesforce \
                 login NAME --link again."
            }
            Self::Suspended => {
                "The operator redeems no login for a suspended connector. Run kubectl salesforce resume NAME, and then get a new \
                 link."
            }
            Self::FormExpired => {
                "Nothing has changed. Go back to the link, reload the page, and press the button again. The page needs cookies."
            }
            Self::OtherBrowser => {
                "The answer from Salesforce was not used. Open the link and log in with one and the same browser, with cookies \
                 allowed. If you did not open a link yourself, somebody wants you to log in for them: tell your security team."
            }
            Self::Superseded => {
                "Somebody withdrew this login, began another one for this connector, or replaced the connector. The answer from Salesforce was not \
                 used. To get a new link, run kubectl salesforce login NAME --link again."
            }
            Self::NoAnswer => "It has neither a code nor an error. Begin the login with its link.",
            Self::TooLong => "Nothing that Salesforce sends is as long. Begin the login with its link.",
            Self::Busy => "Wait a minute, and load the page again.",
            Self::Unavailable => {
                "The operator failed to read or write the Secret of the login. Load the page again in a minute. If the problem \
                 persists, see the log of the operator."
            }
            Self::Unusable(why) => why,
        };
        text.to_owned()
    }
}
