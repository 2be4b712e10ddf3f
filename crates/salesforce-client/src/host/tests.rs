use super::*;

fn host(text: &str) -> Host {
    text.parse().unwrap()
}

#[test]
fn a_host_tells_its_kind_and_its_environment() {
    use HostEnvironment::{Live, Sandbox};
    let cases = [
        ("login.salesforce.com", HostKind::SharedLogin, Some(Live)),
        ("welcome.salesforce.com", HostKind::SharedLogin, Some(Live)),
        ("test.salesforce.com", HostKind::SharedTest, Some(Sandbox)),
        ("green-itr.my.salesforce.com", HostKind::MyDomain, Some(Live)),
        ("acme.my.salesforce.mil", HostKind::MyDomain, Some(Live)),
        ("acme.my.sfcrmproducts.cn", HostKind::MyDomain, Some(Live)),
        ("acme.my-salesforce.com", HostKind::MyDomain, Some(Live)),
        (
            "acme--uat.sandbox.my.salesforce.com",
            HostKind::Sandbox,
            Some(Sandbox),
        ),
        ("acme--uat.my.salesforce.com", HostKind::Sandbox, Some(Sandbox)),
        (
            "acme-dev-ed.develop.my.salesforce.com",
            HostKind::Developer,
            Some(Live),
        ),
        (
            "momentum.scratch.my.salesforce.com",
            HostKind::Scratch,
            Some(Sandbox),
        ),
        (
            "resilient.trailblaze.my.salesforce.com",
            HostKind::Partition,
            None,
        ),
        ("na45.salesforce.com", HostKind::Instance, None),
        ("cs109.salesforce.com", HostKind::Instance, None),
        ("help.salesforce.com", HostKind::Other, None),
        ("login.sfcrmproducts.cn", HostKind::SharedLogin, Some(Live)),
        ("test.sfcrmproducts.cn", HostKind::SharedTest, Some(Sandbox)),
        ("acme--uat.sandbox.my.site.com", HostKind::Site, None),
        ("acme.unknown.my.salesforce.com", HostKind::Other, None),
        ("a.acme.sandbox.my.salesforce.com", HostKind::Other, None),
        ("acme.my.site.com", HostKind::Site, None),
        ("localhost:8743", HostKind::Other, None),
        ("127.0.0.1", HostKind::Other, None),
    ];
    for (name, kind, environment) in cases {
        assert_eq!(
            (host(name).kind(), host(name).environment()),
            (kind, environment),
            "{name}"
        );
    }
}

#[test]
fn a_host_is_written_in_lower_case_with_its_port() {
    assert_eq!(
        host("ACME.My.Salesforce.com:8443").to_string(),
        "acme.my.salesforce.com:8443"
    );
}

#[test]
fn what_is_not_a_host_is_told_why() {
    let cases = [
        ("", InvalidHost::Empty),
        ("https://acme.my.salesforce.com", InvalidHost::NotAlone),
        ("acme.my.salesforce.com/", InvalidHost::NotAlone),
        ("login.salesforce.com@evil.example", InvalidHost::NotAlone),
        ("acme.my.salesforce.com#", InvalidHost::NotAlone),
        ("acme my.salesforce.com", InvalidHost::Malformed),
        ("acme..salesforce.com", InvalidHost::Malformed),
        ("acme.salesforce.com.", InvalidHost::Malformed),
        ("-acme.salesforce.com", InvalidHost::Malformed),
        ("acme_x.salesforce.com", InvalidHost::Malformed),
        ("acmé.salesforce.com", InvalidHost::Malformed),
        ("acme.my.salesforce.com:0", InvalidHost::Port),
        ("acme.my.salesforce.com:65536", InvalidHost::Port),
        ("acme.my.salesforce.com:", InvalidHost::Port),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<Host>(), Err(expected), "{text}");
    }
}

#[test]
fn salesforces_own_hosts_are_allowed_and_others_are_not() {
    let list = HostAllowList::default();
    for name in [
        "login.salesforce.com",
        "acme.my.salesforce.com",
        "acme--uat.sandbox.my.salesforce.com",
        "acme.my.salesforce.mil",
        "acme.my.sfcrmproducts.cn",
        "acme.my-salesforce.com",
        "acme-dev-ed.develop.my.salesforce.com",
        "momentum.scratch.my.salesforce.com",
        "acme.demo.my.salesforce.com",
        "acme.trailblaze.my.salesforce.com",
        "acme--uat.sandbox.my.salesforce.mil",
        "login.sfcrmproducts.cn",
        "na45.salesforce.com",
        "acme.my.site.com",
        "acme--uat.sandbox.my.site.com",
    ] {
        assert_eq!(list.check(&host(name)), Ok(()), "{name}");
    }
    for name in [
        "salesforce.com.evil.example",
        "evilsalesforce.com",
        "salesforce.com",
        "localhost",
        "site.com",
        "anything.salesforce.com",
        "help.salesforce.com",
        "my.salesforce.com",
        "acme.unknown.my.salesforce.com",
        "a.b.sandbox.my.salesforce.com",
        "acme.force.com",
        "acme.secure.force.com",
        "acme.cloudforce.com",
        "acme.site.com",
        "a.b.c.my.site.com",
        "login.salesforce.mil",
        "127.0.0.1",
    ] {
        assert_eq!(
            list.check(&host(name)),
            Err(HostNotAllowed::Foreign { host: host(name) }),
            "{name}"
        );
    }
    for name in [
        "acme.lightning.force.com",
        "acme--c.vf.force.com",
        "acme.my.salesforce-setup.com",
        "acme.lightning.crmforce.mil",
        "acme.lightning.sfcrmapps.cn",
    ] {
        assert_eq!(
            list.check(&host(name)),
            Err(HostNotAllowed::UserInterface { host: host(name) }),
            "{name}"
        );
    }
}

#[test]
fn an_administrator_can_allow_further_hosts_but_not_all() {
    let list = HostAllowList::with_extra(["sf.example.com", "*.sim.example:8743"]).unwrap();
    assert_eq!(list.check(&host("sf.example.com:9000")), Ok(()));
    assert_eq!(list.check(&host("a.b.sim.example:8743")), Ok(()));
    assert!(
        list.check(&host("a.sim.example")).is_err(),
        "another port than the pattern's"
    );
    assert!(
        list.check(&host("sim.example:8743")).is_err(),
        "the domain itself"
    );
    assert!(list.check(&host("evil-sf.example.com")).is_err());
    for pattern in ["*", "*:443", "*example.com", "a.*.com", "https://a.example", ""] {
        assert!(HostAllowList::with_extra([pattern]).is_err(), "{pattern}");
    }
}

#[test]
fn an_instance_url_is_scheme_and_host_alone() {
    let url: InstanceUrl = "https://acme.my.salesforce.com/".parse().unwrap();
    assert_eq!(url, InstanceUrl::https(host("acme.my.salesforce.com")));
    assert_eq!(url.to_string(), "https://acme.my.salesforce.com");
    assert_eq!(
        "http://localhost:8743".parse(),
        Ok(InstanceUrl::plain_http(host("localhost:8743")))
    );
    for text in [
        "acme.my.salesforce.com",
        "ftp://acme.my.salesforce.com",
        "https://user:pass@acme.my.salesforce.com",
        "https://acme.my.salesforce.com/services",
        "https://acme.my.salesforce.com?x",
        "https://acme.my.salesforce.com#x",
        "https://[::1]",
    ] {
        assert_eq!(text.parse::<InstanceUrl>(), Err(InvalidInstanceUrl), "{text}");
    }
}
