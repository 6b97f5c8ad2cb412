// linear_synth_plan: tells every slice its part of a command, one slice after the other.
//
// Slice s works on subset s % subsets, blocks u*B/subsets up to (u+1)*B/subsets without the last, of the groups s/subsets,
// s/subsets + Slices/subsets, ...; its port's address is port_base_i + s*port_stride_i + stream*32. Walking from slice to slice
// all of these are sums. Of a search slice s has the blocks s, s + Slices, ..., as many as slice 0. The rows of a linear lie behind its
// beats.
//
// Latency:       5 cycles to the first slice.
// Throughput:    2 * Slices + 3 cycles a command: addresses are added up a cycle before they are needed.
// Back-pressure: waits for the queue of the slice whose turn it is; m_valid_o comes two cycles after its ready was seen, so nobody
//                else may fill that queue.
//
// Parameters: as in linear_synth
module linear_synth_plan
  import linear_synth_pkg::*;
#(
    parameter int unsigned Slices = 2,
    parameter int unsigned Lanes = 2,
    parameter int unsigned AddrW = 64
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              clear_i,
    input  logic [ AddrW-1:0] port_base_i,
    input  logic [ AddrW-1:0] port_stride_i,
    input  command_t          s_cmd_i,
    input  logic              s_cmd_valid_i,
    output logic              s_cmd_ready_o,
    output setup_t            m_setup_o,
    output logic [ AddrW-1:0] m_addr_o,
    output logic [ AddrW-6:0] m_row_o,
    output logic [      31:0] m_bytes_o,
    output logic [Slices-1:0] m_valid_o,
    input  logic [Slices-1:0] m_ready_i,
    output logic              busy_o
);
  localparam int unsigned SliceW = (Slices > 1) ? $clog2(Slices) : 1;

  command_t cmd_q;
  logic active_q;
  logic [SliceW-1:0] slice_q;
  logic [Slices-1:0] turn_q;  // the same, one-hot
  logic ready_q;  // of that slice; chosen out of so many that it takes a cycle
  logic [21:0] low_q, high_q;  // blocks * subset, blocks * (subset + 1)
  logic [OutputW-1:0] output_q;
  logic [AddrW-1:0] start_q, addr_q, next_q;
  logic [1:0] settle_q;  // until the sums are right

  wire [21:0] blocks_in = 22'(s_cmd_i.positions / 16'(Lanes));
  wire [21:0] blocks = 22'(cmd_q.positions / 16'(Lanes));
  wire search = cmd_q.mode == ModeSearch;
  wire [15:0] turns = 16'((blocks + 22'(Slices - 1)) >> $clog2(Slices));  // blocks of a slice in a search
  wire [6:0] mask = 7'((8'd1 << cmd_q.subsets) - 8'd1);
  wire last_subset = (7'(slice_q) & mask) == mask;
  wire step = active_q && settle_q == '0 && ready_q;
  wire take = s_cmd_valid_i && s_cmd_ready_o;

  assign s_cmd_ready_o = !active_q;
  assign busy_o = active_q || m_valid_o != '0;

  always_ff @(posedge clk_i) begin
    if (take) begin
      cmd_q    <= s_cmd_i;
      low_q    <= '0;
      high_q   <= blocks_in;
      output_q <= '0;
    end else if (step) begin
      low_q    <= last_subset ? '0 : high_q;
      high_q   <= last_subset ? blocks : high_q + blocks;
      output_q <= last_subset ? output_q + OutputW'(cmd_q.group) : output_q;
    end
    start_q <= port_base_i + AddrW'({cmd_q.stream, 5'd0});
    next_q  <= addr_q + port_stride_i;
    if (step) addr_q <= next_q;
    else if (settle_q == 2'd2) addr_q <= start_q;
    m_setup_o <= '{
        mode: mode_e'(cmd_q.mode),
        code: cmd_q.code,
        first: search ? 16'(slice_q) : 16'(low_q >> cmd_q.subsets),
        last: search ? 16'(slice_q) + turns : 16'(high_q >> cmd_q.subsets),
        outputs: search ? 19'(OutputStep) : cmd_q.outputs,  // a search is a single job everywhere
        group: search ? 16'(OutputStep) : cmd_q.group,
        subsets: search ? 3'($clog2(Slices)) : cmd_q.subsets,
        output_first: search ? '0 : output_q,
        tokens: cmd_q.tokens
    };
    m_addr_o  <= addr_q;
    m_row_o   <= addr_q[AddrW-1:5] + (AddrW - 5)'(cmd_q.beats[26:0]);
    ready_q   <= (m_ready_i & turn_q) != '0;
    m_bytes_o <= {cmd_q.beats[26:0], 5'd0};
    if (!rst_ni || clear_i) begin
      active_q  <= 1'b0;
      slice_q   <= '0;
      turn_q    <= Slices'(1);
      settle_q  <= '0;
      m_valid_o <= '0;
    end else begin
      if (take) active_q <= 1'b1;
      else if (step && turn_q[Slices-1]) active_q <= 1'b0;
      if (step) slice_q <= turn_q[Slices-1] ? '0 : slice_q + SliceW'(1);
      if (step) turn_q <= (turn_q << 1) | (turn_q >> (Slices - 1));
      if (take) settle_q <= 2'd3;
      else if (step) settle_q <= 2'd1;
      else if (settle_q != '0) settle_q <= settle_q - 2'd1;
      m_valid_o <= step ? turn_q : '0;
    end
  end

  a_one_at_a_time :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) $onehot0(m_valid_o));
  a_turn :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) turn_q == Slices'(1) << slice_q);
endmodule
