#include "agent/server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace nsdebug {

namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;

// From what a healthy node takes to what a person would call broken.
const Histogram::BucketBoundaries kSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                              0.1,   0.25,   0.5,   1,    2.5,   10};

Family<Counter>& CounterFamily(prometheus::Registry* registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(*registry);
}

Histogram& MakeHistogram(prometheus::Registry* registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(*registry).Add({}, kSeconds);
}

double Seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

struct Metrics::Families {
  prometheus::Registry registry;
  Family<Counter>& requests =
      CounterFamily(&registry, "ns_debug_requests_total", "Requests by route, method and status.");
  Family<Counter>& denials = CounterFamily(&registry, "ns_debug_denials_total",
                                           "Requests that were not allowed, by cause.");
  prometheus::Gauge& open = prometheus::BuildGauge()
                                .Name("ns_debug_sessions_open")
                                .Help("Sessions that run now.")
                                .Register(registry)
                                .Add({});
  Counter& opened =
      CounterFamily(&registry, "ns_debug_sessions_total", "Sessions that were started.").Add({});
  Family<Counter>& ended =
      CounterFamily(&registry, "ns_debug_sessions_ended_total", "Sessions that ended, by cause.");
  Family<Counter>& bytes = CounterFamily(&registry, "ns_debug_session_bytes_total",
                                         "Bytes carried into and out of sessions.");
  Histogram& resolve = MakeHistogram(&registry, "ns_debug_resolve_seconds",
                                     "Time from the name of a pod to its verified process.");
  Histogram& setup = MakeHistogram(&registry, "ns_debug_setup_seconds",
                                   "Time from the start of ns-enter to that of the command.");
  Family<Counter>& runtime_errors =
      CounterFamily(&registry, "ns_debug_runtime_errors_total",
                    "Failed calls of the container runtime, by code.");
  Family<Counter>& api_errors =
      CounterFamily(&registry, "ns_debug_api_server_errors_total",
                    "Questions to the Kubernetes API server without an answer, by code.");
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::CountRequest(std::string_view route, std::string_view method, int status) {
  families_->requests
      .Add({{"route", std::string(route)},
            {"method", std::string(method)},
            {"code", std::to_string(status)}})
      .Increment();
}

void Metrics::CountDenial(std::string_view cause) {
  families_->denials.Add({{"cause", std::string(cause)}}).Increment();
}

void Metrics::SessionOpened() {
  families_->open.Increment();
  families_->opened.Increment();
}

void Metrics::SessionClosed(EndCause cause, uint64_t bytes_in, uint64_t bytes_out) {
  families_->open.Decrement();
  families_->ended.Add({{"cause", std::string(CauseName(cause))}}).Increment();
  families_->bytes.Add({{"direction", "in"}}).Increment(static_cast<double>(bytes_in));
  families_->bytes.Add({{"direction", "out"}}).Increment(static_cast<double>(bytes_out));
}

void Metrics::ObserveResolve(std::chrono::nanoseconds time) {
  families_->resolve.Observe(Seconds(time));
}

void Metrics::ObserveSetup(std::chrono::nanoseconds time) {
  families_->setup.Observe(Seconds(time));
}

void Metrics::CountRuntimeError(std::string_view code) {
  families_->runtime_errors.Add({{"code", std::string(code)}}).Increment();
}

void Metrics::CountApiServerError(std::string_view code) {
  families_->api_errors.Add({{"code", std::string(code)}}).Increment();
}

std::string Metrics::Text() const {
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace nsdebug
