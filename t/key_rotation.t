# Keys that come and go while nginx runs (B39, B41, B49, B54, B55).
# valgrind: no, pauses, over and over; t/jwks_uri.t and t/jwks_refresh.t run the same code

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

our ($Fetched, $Began);
our $Old = jwk('P-256', kid => 'old');
our $New = jwk('P-256/2', kid => 'new');
our $Serve = sub { replace_file("$ENV{TEST_NGINX_HTML_DIR}/jwks.json", jwks(@_)) };

our $OldToken = jwt(-alg => 'ES256', -kid => 'old');
our $NewToken = jwt(-alg => 'ES256', -kid => 'new', -key => 'P-256/2');
our $Passes = sub { my ($token) = @_; sub { (get('/t', bearer($token)))[0] == 200 } };

run_tests();

__DATA__

=== TEST 1: an unknown kid makes one fetch; old and new work side by side; a removed key stops
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_uri $TEST_NGINX_ISSUER/jwks.json; }
--- user_files eval
">>> jwks.json\n" . jwks($::Old)
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['old' => $::OldToken, 200, 'active'],
    ['new, not yet there' => $::NewToken, 401, 'unknown_key'],
    # awaited here: the next fetch is allowed, as one is every five seconds
    ['both: new' => $::NewToken, 200, 'active'],
    ['both: old' => $::OldToken, 200, 'active'],
    (map { ["unknown $_" => jwt(-alg => 'ES256', -kid => "kid$_"), 401, 'unknown_key'] } 1 .. 5),
    # awaited here: the old key is gone
    ['after: new' => $::NewToken, 200, 'active'],
    ['after: old, remembered' => $::OldToken, 401, 'unknown_key'],
]
--- fetches eval
[1, (undef) x 10]
--- after eval
[
    undef,
    sub {
        $::Serve->($::Old, $::New);
        await('the new key works', $::Passes->($::NewToken));
        ($::Fetched, $::Began) = (fetched(), time);
    },
    (undef) x 6,
    sub {
        my $more = fetched() - $::Fetched;
        Test::More::cmp_ok($more, '<=', 1 + (time - $::Began) / 5, 'unknown keys: a fetch every five seconds');
        $::Serve->($::New);
        # somebody's unknown kid is what makes the set fresh
        await('the key set is fetched', sub {
            my $before = fetched();
            get('/t', bearer(jwt(-alg => 'ES256', -kid => 'x')));
            fetched() > $before;
        });
    },
]



=== TEST 2: a key that goes stops remembered tokens when cache_ttl has passed (B55)
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        jwks_uri $TEST_NGINX_ISSUER/jwks.json;
        cache_ttl 1s;
    }
--- user_files eval
">>> jwks.json\n" . jwks($::Old, $::New)
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['old' => $::OldToken, 200, 'active'],
    ['old, remembered' => $::OldToken, 200, 'active'],
    ['old, gone' => $::OldToken, 401, 'unknown_key'],
    ['new' => $::NewToken, 200, 'active'],
]
--- after eval
[undef, sub {
    $::Serve->($::New);
    await('the old key stops', sub { !$::Passes->($::OldToken)->() });
}]



=== TEST 3: the issuer's failure does no harm within cache_ttl, and denies after it (B39, B41)
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        jwks_uri $TEST_NGINX_ISSUER/jwks.json;
        cache_ttl 8s;
    }
--- user_files eval
">>> jwks.json\n" . jwks($::Old)
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['up' => $::OldToken, 200, 'active'],
    ['down: remembered' => $::OldToken, 200, 'active'],
    ['down: another token' => jwt(-alg => 'ES256', sub => 'bob'), 200, 'active'],
    ['expired: remembered' => $::OldToken, 503, 'issuer_status'],
    ['expired: another token' => jwt(-alg => 'ES256', sub => 'eve'), 503, 'issuer_status'],
    ['up again' => $::OldToken, 200, 'active'],
]
--- after eval
[
    sub { unlink "$ENV{TEST_NGINX_HTML_DIR}/jwks.json" or die },
    undef,
    sub { await('the key set expires', sub { !$::Passes->($::OldToken)->() }) },
    undef,
    sub {
        $::Serve->($::Old);
        await('the pause after the failures ends', $::Passes->($::OldToken));
    },
]
--- errors_expected



=== TEST 4: cache_ttl off: every request asks
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        jwks_uri $TEST_NGINX_ISSUER/jwks.json;
        cache_ttl off;
    }
--- user_files eval
">>> jwks.json\n" . jwks($::Old)
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['first' => $::OldToken, 200, 'active'],
    ['second' => $::OldToken, 200, 'active'],
    ['new, at once' => $::NewToken, 200, 'active'],
    ['old, gone at once' => $::OldToken, 401, 'unknown_key'],
]
--- fetches eval
[1, 2, 3, 4]
--- after eval
[undef, sub { $::Serve->($::New) }]



=== TEST 5: keys without kid in another order change nothing
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_file $TEST_NGINX_HTML_DIR/jwks.json; }
--- user_files eval
">>> jwks.json\n" . jwks(jwk('P-256'), jwk('P-256/2'))
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['first' => $::OldToken, 200, 'active'],
    ['second' => $::NewToken, 200, 'active'],
    ['first after' => $::OldToken, 200, 'active'],
]
--- after eval
[undef, sub { $::Serve->(jwk('P-256/2'), jwk('P-256')) }]
