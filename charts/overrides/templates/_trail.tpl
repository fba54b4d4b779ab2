{{/* The EnvoyFilter with which proxies report, as overrides trail filter prints it: a test compares them. */}}
{{- define "overrides.trailFilter" -}}
spec:
  configPatches:
  - applyTo: NETWORK_FILTER
    match:
      context: SIDECAR_OUTBOUND
      listener:
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
      proxy:
        proxyVersion: ^(?:[^1].*|1|1[^.].*|1\.(?:2[6-9]|[3-9][0-9]|[1-9][0-9]{2,}|[^0-9]).*)$
    patch:
      operation: MERGE
      value:
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          access_log:
          - filter:
              or_filter:
                filters:
                - header_filter:
                    header:
                      name: {{ .Values.headerName }}
                      present_match: true
                - header_filter:
                    header:
                      name: baggage
                      string_match:
                        safe_regex:
                          regex: (?:.*,)?[ \t]*override(?:\.|[ \t]*=).*
                - header_filter:
                    header:
                      name: traceparent
                      string_match:
                        prefix: 00-6f76657272696465
            name: envoy.access_loggers.http_grpc
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig
              additional_request_headers_to_log:
              - {{ .Values.headerName }}
              - baggage
              - traceparent
              common_config:
                custom_tags:
                - metadata:
                    kind:
                      host: {}
                    metadata_key:
                      key: istio
                      path:
                      - key: workload
                  tag: served
                grpc_service:
                  envoy_grpc:
                    cluster_name: overrides-trail
                log_name: outbound
                transport_api_version: V3
  - applyTo: NETWORK_FILTER
    match:
      context: SIDECAR_INBOUND
      listener:
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
      proxy:
        proxyVersion: ^(?:[^1].*|1|1[^.].*|1\.(?:2[6-9]|[3-9][0-9]|[1-9][0-9]{2,}|[^0-9]).*)$
    patch:
      operation: MERGE
      value:
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          access_log:
          - filter:
              or_filter:
                filters:
                - header_filter:
                    header:
                      name: {{ .Values.headerName }}
                      present_match: true
                - header_filter:
                    header:
                      name: baggage
                      string_match:
                        safe_regex:
                          regex: (?:.*,)?[ \t]*override(?:\.|[ \t]*=).*
                - header_filter:
                    header:
                      name: traceparent
                      string_match:
                        prefix: 00-6f76657272696465
            name: envoy.access_loggers.http_grpc
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig
              additional_request_headers_to_log:
              - {{ .Values.headerName }}
              - baggage
              - traceparent
              common_config:
                custom_tags:
                - metadata:
                    kind:
                      host: {}
                    metadata_key:
                      key: istio
                      path:
                      - key: workload
                  tag: served
                grpc_service:
                  envoy_grpc:
                    cluster_name: overrides-trail
                log_name: inbound
                transport_api_version: V3
  - applyTo: NETWORK_FILTER
    match:
      context: GATEWAY
      listener:
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
      proxy:
        proxyVersion: ^(?:[^1].*|1|1[^.].*|1\.(?:2[6-9]|[3-9][0-9]|[1-9][0-9]{2,}|[^0-9]).*)$
    patch:
      operation: MERGE
      value:
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          access_log:
          - filter:
              or_filter:
                filters:
                - header_filter:
                    header:
                      name: {{ .Values.headerName }}
                      present_match: true
                - header_filter:
                    header:
                      name: baggage
                      string_match:
                        safe_regex:
                          regex: (?:.*,)?[ \t]*override(?:\.|[ \t]*=).*
                - header_filter:
                    header:
                      name: traceparent
                      string_match:
                        prefix: 00-6f76657272696465
            name: envoy.access_loggers.http_grpc
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig
              additional_request_headers_to_log:
              - {{ .Values.headerName }}
              - baggage
              - traceparent
              common_config:
                custom_tags:
                - metadata:
                    kind:
                      host: {}
                    metadata_key:
                      key: istio
                      path:
                      - key: workload
                  tag: served
                grpc_service:
                  envoy_grpc:
                    cluster_name: overrides-trail
                log_name: gateway
                transport_api_version: V3
  - applyTo: CLUSTER
    match:
      context: SIDECAR_OUTBOUND
      proxy:
        proxyVersion: ^(?:[^1].*|1|1[^.].*|1\.(?:2[6-9]|[3-9][0-9]|[1-9][0-9]{2,}|[^0-9]).*)$
    patch:
      operation: ADD
      value:
        connect_timeout: 1s
        dns_failure_refresh_rate:
          base_interval: 15s
          max_interval: 60s
        dns_lookup_family: V4_PREFERRED
        dns_refresh_rate: 15s
        load_assignment:
          cluster_name: overrides-trail
          endpoints:
          - lb_endpoints:
            - endpoint:
                address:
                  socket_address:
                    address: {{ include "overrides.trailHost" . }}.
                    port_value: 9911
        name: overrides-trail
        type: STRICT_DNS
        typed_extension_protocol_options:
          envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
            '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
            explicit_http_config:
              http2_protocol_options:
                connection_keepalive:
                  interval: 30s
                  timeout: 10s
        wait_for_warm_on_init: false
  - applyTo: CLUSTER
    match:
      context: GATEWAY
      proxy:
        proxyVersion: ^(?:[^1].*|1|1[^.].*|1\.(?:2[6-9]|[3-9][0-9]|[1-9][0-9]{2,}|[^0-9]).*)$
    patch:
      operation: ADD
      value:
        connect_timeout: 1s
        dns_failure_refresh_rate:
          base_interval: 15s
          max_interval: 60s
        dns_lookup_family: V4_PREFERRED
        dns_refresh_rate: 15s
        load_assignment:
          cluster_name: overrides-trail
          endpoints:
          - lb_endpoints:
            - endpoint:
                address:
                  socket_address:
                    address: {{ include "overrides.trailHost" . }}.
                    port_value: 9911
        name: overrides-trail
        type: STRICT_DNS
        typed_extension_protocol_options:
          envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
            '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
            explicit_http_config:
              http2_protocol_options:
                connection_keepalive:
                  interval: 30s
                  timeout: 10s
        wait_for_warm_on_init: false
{{ end -}}
