# Sourced by what plays the browser of a person at the simulated Salesforce: Chromium, if scripts/install-chromium has installed it, or
# else curl, which leaves cookies and pages in the current folder.
# shellcheck shell=bash

source "$(dirname "${BASH_SOURCE[0]}")/cache.bash"
pinned=$(cd "$(dirname "${BASH_SOURCE[0]}")/../tests/browser" && key package.json package-lock.json unpack.mjs drive.mjs)
chromium=$cache/browser/$pinned
# The name of the browser.
browser=curl
[[ ! -e $chromium/.complete ]] || ! command -v node >/dev/null || browser=Chromium
person=integration@green-itr.example password=sim-password-1

# ask ARGUMENT...: a request to the simulated Salesforce by its real name.
ask() { curl --silent --show-error --fail-with-body --noproxy '*' --cacert "$SALESFORCE_SIM_CA" --connect-to "::$SALESFORCE_SIM_HTTPS" "$@"; }

# request_in PAGE: what a form of Salesforce's carries along.
request_in() { sed -nE 's/.*name="request" value="([^"]*)".*/\1/p' <<<"$1"; }

# browse ADDRESS: logs in and allows the access; prints the address to which Salesforce sends the browser then.
browse() { "browse_by_${browser,,}" "$1"; }

# browse_by_chromium ADDRESS: the same with the pages on a screen that nobody sees.
browse_by_chromium() {
    local callback said
    callback=$(sed -E 's/.*redirect_uri=([^&]*).*/\1/; s/%3A/:/g; s/%2F/\//g' <<<"$1")
    said=$(SETTINGS="{\"pages\": {}, \"hosts\": [\"MAP *.my.salesforce.com $SALESFORCE_SIM_HTTPS\"], \"timeout\": 30000}" \
        SFC_CHROMIUM=${SFC_CHROMIUM:-$chromium/chromium} CHROMIUM_LIBRARIES=$chromium/lib FONTCONFIG_PATH=$chromium/fontconfig \
        node "$chromium/drive.mjs" <<COMMANDS
{"command": "open", "person": "p", "url": "$1"}
{"command": "fill", "person": "p", "at": "#username", "text": "$person"}
{"command": "fill", "person": "p", "at": "#password", "text": "$password"}
{"command": "click", "person": "p", "at": "#Login"}
{"command": "until", "person": "p", "title": "Allow Access? | Salesforce (simulated)"}
{"command": "sent", "person": "p", "at": "#oaapprove", "prefix": "$callback"}
COMMANDS
    )
    sed -nE 's/^\{"url":"([^"]*)"\}$/\1/p' <<<"$said" | grep . || { echo "$said" >&2 && return 1; }
}

# browse_by_curl ADDRESS: the same, with the forms filled in.
browse_by_curl() {
    local origin page
    origin=$(cut -d/ -f1-3 <<<"$1")
    page=$(ask "$1")
    page=$(ask --cookie-jar cookies --data-urlencode "request=$(request_in "$page")" \
        --data-urlencode "un=$person" --data-urlencode "pw=$password" "$origin/login")
    ask --cookie cookies --output page --write-out '%{redirect_url}' --data-urlencode "request=$(request_in "$page")" \
        --data decision=allow "$origin/setup/secur/RemoteAccessAuthorizationPage.apexp"
}
