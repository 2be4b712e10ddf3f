# Sourced by what plays the browser of a person at the simulated Salesforce. Cookies and pages are left in the current folder.
# shellcheck shell=bash

# ask ARGUMENT...: a request to the simulated Salesforce by its real name.
ask() { curl --silent --show-error --fail-with-body --noproxy '*' --cacert "$SALESFORCE_SIM_CA" --connect-to "::$SALESFORCE_SIM_HTTPS" "$@"; }

# request_in PAGE: what a form of Salesforce's carries along.
request_in() { sed -nE 's/.*name="request" value="([^"]*)".*/\1/p' <<<"$1"; }

# browse ADDRESS: logs in and allows the access, as in a browser; prints the address to which Salesforce sends the browser then.
browse() {
    local origin page
    origin=$(cut -d/ -f1-3 <<<"$1")
    page=$(ask "$1")
    page=$(ask --cookie-jar cookies --data-urlencode "request=$(request_in "$page")" \
        --data-urlencode "un=integration@green-itr.example" --data-urlencode "pw=sim-password-1" "$origin/login")
    ask --cookie cookies --output page --write-out '%{redirect_url}' --data-urlencode "request=$(request_in "$page")" \
        --data decision=allow "$origin/setup/secur/RemoteAccessAuthorizationPage.apexp"
}
