// qwen3_accel_pkg: the named configurations. golden/qwen3_accel.py says which images fit them; a test compares the two.
package qwen3_accel_pkg;
  typedef struct packed {
    int unsigned frame_lanes;
    int unsigned slices;
    int unsigned tokens;
    int unsigned batches;
    int unsigned slots;
    int unsigned centroids;
    int unsigned frame_lines;
    int unsigned max_inputs;
    int unsigned max_positions;
    int unsigned max_hidden;
    int unsigned max_head_dim;
    int unsigned kv_engines;
    int unsigned q_heads;
    int unsigned table_positions;
    int unsigned stream_beats;
    bit gather;
  } config_t;

  localparam int unsigned Configurations = 5;
  // verilog_format: off
  localparam config_t Config[Configurations] = '{
      '{frame_lanes: 16, slices: 2, tokens: 2, batches: 2, slots: 32, centroids: 64, frame_lines: 256, max_inputs: 1024, max_positions: 1024, max_hidden: 256, max_head_dim: 64, kv_engines: 1, q_heads: 2, table_positions: 512, stream_beats: 512, gather: 0},  // tiny
      '{frame_lanes: 16, slices: 8, tokens: 1, batches: 2, slots: 32, centroids: 64, frame_lines: 512, max_inputs: 2048, max_positions: 4096, max_hidden: 1024, max_head_dim: 64, kv_engines: 1, q_heads: 4, table_positions: 1024, stream_beats: 512, gather: 0},  // small
      '{frame_lanes: 64, slices: 64, tokens: 2, batches: 2, slots: 16, centroids: 16, frame_lines: 1024, max_inputs: 8192, max_positions: 8192, max_hidden: 4096, max_head_dim: 128, kv_engines: 8, q_heads: 2, table_positions: 4096, stream_beats: 4096, gather: 0},  // v80
      '{frame_lanes: 64, slices: 64, tokens: 1, batches: 1, slots: 16, centroids: 16, frame_lines: 1024, max_inputs: 8192, max_positions: 8192, max_hidden: 4096, max_head_dim: 128, kv_engines: 8, q_heads: 2, table_positions: 4096, stream_beats: 4096, gather: 1},  // v80-gather
      '{frame_lanes: 16, slices: 2, tokens: 1, batches: 1, slots: 32, centroids: 64, frame_lines: 256, max_inputs: 1024, max_positions: 1024, max_hidden: 256, max_head_dim: 64, kv_engines: 1, q_heads: 2, table_positions: 512, stream_beats: 512, gather: 1}  // tiny-gather
  };
  // verilog_format: on

  // A configuration that exists, so that an illegal one gets as far as the check of qwen3_accel.
  function automatic int unsigned known(input int unsigned configuration);
    return (configuration < Configurations) ? configuration : 0;
  endfunction
endpackage
