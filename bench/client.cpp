// The load: connections to nginx that each send the next token's request as soon as they have the
// answer to the last one.
//
//   client ADDRESS PORT PATH TOKEN-FILE CONNECTIONS SECONDS [OPTION]...
//
//   once         sends each token once, takes any status, and counts the answers of status 200 and
//                those with "X-Cache: HIT"; ends when SECONDS are over at the latest
//   batch=N      sends N requests at a time (pipelining), waits for all their answers
//   worker=PID   keeps only connections to the worker that answers PID at /worker
//   sleep        sleeps while there is nothing to do
//
// Without "sleep" it never does. A client that did would have to be woken by nginx's worker, and the more often
// the slower the worker is: that would be charged to what makes it slow. The requests are made
// before the clock starts, so that ten thousand tokens cost the client as much as one does.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kGood = "HTTP/1.1 200 ";
constexpr std::size_t kSlots = 200'000;  // of the latency histogram, one microsecond each
constexpr int kAttempts = 10'000;        // to reach a worker

[[noreturn]] void fail(const char *what)
{
    std::fprintf(stderr, "client: %s\n", what);
    std::exit(1);
}

struct Options {
    bool once = false;
    bool sleep = false;
    std::size_t batch = 1;
    std::string worker;
};

struct Connection {
    int socket = -1;
    std::size_t got = 0;
    std::size_t size = 0;  // of the answer, or of the batch of answers
    Clock::time_point sent;
};

class Load {
public:
    Load(const sockaddr_in &address, std::vector<std::string> requests, std::size_t connections,
         Options options)
        : options_(std::move(options)),
          requests_(std::move(requests)),
          connections_(connections),
          epoll_(epoll_create1(0))
    {
        for (Connection &connection : connections_) {
            connection.socket = connected(address);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.ptr = &connection;
            if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.socket, &event) != 0) {
                fail("cannot watch a connection");
            }
        }
    }

    void run(double seconds)
    {
        const Clock::time_point start = Clock::now();
        const Clock::time_point end =
            start
            + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
        for (Connection &connection : connections_) {
            send_next(connection, start);
        }
        Clock::time_point now = start;
        while (now < end && !done()) {
            epoll_event events[64];
            const int count = epoll_wait(epoll_, events, 64, options_.sleep ? 100 : 0);
            now = Clock::now();
            for (int i = 0; i < count; ++i) {
                receive(*static_cast<Connection *>(events[i].data.ptr), now);
            }
        }
        const auto spent = std::chrono::duration_cast<std::chrono::microseconds>(now - start);
        std::printf("{\"requests\": %ld, \"microseconds\": %ld, \"good\": %ld, \"hits\": %ld, ",
                    answers_, static_cast<long>(spent.count()), good_, hits_);
        std::printf("\"p50\": %zu, \"p90\": %zu, \"p99\": %zu, \"longest\": %ld}\n",
                    percentile(0.5), percentile(0.9), percentile(0.99), longest_);
    }

private:
    int connected(const sockaddr_in &address) const
    {
        for (int attempt = 0; attempt < kAttempts; ++attempt) {
            const int made = socket(AF_INET, SOCK_STREAM, 0);
            const int on = 1;
            setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            if (connect(made, reinterpret_cast<const sockaddr *>(&address), sizeof address) != 0) {
                fail("cannot connect");
            }
            if (options_.worker.empty() || worker_of(made) == options_.worker) {
                return made;
            }
            close(made);
        }
        fail("no connection reaches the worker");
    }

    static std::string worker_of(int made)
    {
        constexpr std::string_view kAsk = "GET /worker HTTP/1.1\r\nHost: bench.example\r\n\r\n";
        char buffer[4096];
        if (send(made, kAsk.data(), kAsk.size(), MSG_NOSIGNAL) < 0) {
            fail("cannot send");
        }
        const ssize_t got = recv(made, buffer, sizeof buffer, 0);
        const std::string_view text(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
        return std::string(text.substr(text.rfind('\n') + 1));
    }

    bool done() const { return options_.once && answers_ == static_cast<long>(requests_.size()); }

    void send_next(Connection &connection, Clock::time_point now)
    {
        if (options_.once && sent_ == requests_.size()) {
            return;
        }
        const std::string &request = requests_[next_];
        next_ = next_ + 1 < requests_.size() ? next_ + 1 : 0;
        ++sent_;
        connection.got = 0;
        connection.sent = now;
        if (send(connection.socket, request.data(), request.size(), MSG_NOSIGNAL)
            != static_cast<ssize_t>(request.size()))
        {
            fail("cannot send");
        }
    }

    void receive(Connection &connection, Clock::time_point now)
    {
        char buffer[16384];
        const ssize_t got = recv(connection.socket, buffer, sizeof buffer, MSG_DONTWAIT);
        if (got <= 0) {
            fail("the server has closed the connection");
        }
        const std::string_view text(buffer, static_cast<std::size_t>(got));
        if (connection.got == 0) {
            begin(connection, text);
        }
        connection.got += text.size();
        if (connection.got > connection.size) {
            fail("an answer is longer than the first one");
        }
        if (connection.got == connection.size) {
            const auto took = now - connection.sent;
            const long micros = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
            const auto slot = static_cast<std::size_t>(micros);
            longest_ = micros > longest_ ? micros : longest_;
            ++latencies_[slot < kSlots ? slot : kSlots - 1];
            answers_ += static_cast<long>(options_.batch);
            send_next(connection, now);
        }
    }

    // All answers are as long as the first one, unless statuses may differ.
    void begin(Connection &connection, std::string_view answer)
    {
        const bool good = answer.starts_with(kGood);
        good_ += good;
        if (!good && !options_.once) {
            fail(std::string(answer.substr(0, answer.find('\r'))).c_str());
        }
        if (options_.once) {
            hits_ += answer.find("\r\nX-Cache: HIT\r\n") != std::string_view::npos;
            size_ = 0;
        }
        if (size_ == 0) {
            size_ = size_of(answer);
        }
        connection.size = size_ * options_.batch;
    }

    static std::size_t size_of(std::string_view answer)
    {
        const std::size_t end = answer.find("\r\n\r\n");
        std::size_t length = answer.find("\r\nContent-Length: ");
        length = length == std::string_view::npos ? answer.find("\r\ncontent-length: ") : length;
        if (length == std::string_view::npos || end == std::string_view::npos || length > end) {
            fail("no whole head with a length in the first packet of the answer");
        }
        return end + 4 + std::strtoul(answer.data() + answer.find(' ', length), nullptr, 10);
    }

    std::size_t percentile(double part) const
    {
        const long counted = answers_ / static_cast<long>(options_.batch);
        long left = static_cast<long>(static_cast<double>(counted) * part);
        std::size_t slot = 0;
        while (slot + 1 < kSlots && (left -= latencies_[slot]) > 0) {
            ++slot;
        }
        return slot;
    }

    Options options_;
    std::vector<std::string> requests_;
    std::vector<Connection> connections_;
    std::vector<long> latencies_ = std::vector<long>(kSlots);
    int epoll_;
    std::size_t next_ = 0;
    std::size_t sent_ = 0;
    std::size_t size_ = 0;
    long answers_ = 0;
    long good_ = 0;
    long hits_ = 0;
    long longest_ = 0;
};

Options options_of(int argc, char **argv)
{
    Options options;
    for (int i = 7; i < argc; ++i) {
        const std::string_view option = argv[i];
        if (option == "once") {
            options.once = true;
        } else if (option == "sleep") {
            options.sleep = true;
        } else if (option.starts_with("batch=")) {
            options.batch = std::strtoul(argv[i] + 6, nullptr, 10);
        } else if (option.starts_with("worker=")) {
            options.worker = option.substr(7);
        } else {
            fail("unknown option");
        }
    }
    if (options.batch == 0 || (options.once && options.batch != 1)) {
        fail("a batch is of one request at least, and of one for once");
    }
    return options;
}

// Each element is sent at once: a request, or a batch of them.
std::vector<std::string> requests_of(const std::string &path, const std::string &file,
                                     std::size_t batch)
{
    std::vector<std::string> requests;
    std::size_t count = 0;
    std::ifstream tokens(file);
    for (std::string token; std::getline(tokens, token); ++count) {
        std::string request = "GET " + path
                              + " HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\n"
                                "Accept: */*\r\nAuthorization: Bearer "
                              + token + "\r\n\r\n";
        if (count % batch == 0) {
            requests.push_back(std::move(request));
        } else {
            requests.back() += request;
        }
    }
    if (requests.empty()) {
        fail("no tokens");
    }
    // of one token, or of what is left of the last batch
    const std::string last = requests.back();
    for (std::size_t missing = (batch - count % batch) % batch; missing > 0; --missing) {
        requests.back() += last.substr(0, last.find("\r\n\r\n") + 4);
    }
    return requests;
}

}  // namespace

int main(int argc, char **argv)
{
    if (argc < 7) {
        fail("usage: client ADDRESS PORT PATH TOKEN-FILE CONNECTIONS SECONDS [OPTION]...");
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
    if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
        fail("not an IPv4 address");
    }
    const Options options = options_of(argc, argv);
    Load load(address, requests_of(argv[3], argv[4], options.batch),
              static_cast<std::size_t>(std::atoi(argv[5])), options);
    load.run(std::atof(argv[6]));
}
