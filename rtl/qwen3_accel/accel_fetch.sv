// accel_fetch: reads the program ahead, descriptor by descriptor, up to and with End; once for every start.
//
// Reads are of Chunk descriptors, asked for as soon as the queue has room for them. What lies behind End in the last ones is
// dropped. start_i is taken when idle_o.
//
// Latency:       start to the first read 1 cycle; a descriptor's second beat to m_valid_o 2 cycles.
// Throughput:    a descriptor in two cycles.
// Back-pressure: beats always have room; m_ready_i stops the queue.
// Errors:        a program without End within 2^16 descriptors raises error_o until the reset.
module accel_fetch
  import accel_pkg::*;
(
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic [      63:0] program_i,
    input  logic              start_i,
    output logic              idle_o,
    output logic              error_o,
    output read_t             m_read_o,
    output logic              m_read_valid_o,
    input  logic              m_read_ready_i,
    input  logic [ BeatW-1:0] s_beat_i,
    input  logic              s_beat_valid_i,
    output logic              s_beat_ready_o,
    output descriptor_t       m_op_o,
    output logic              m_valid_o,
    input  logic              m_ready_i
);
  localparam int unsigned Chunk = 8;
  localparam int unsigned Beats = 2 * Chunk;
  localparam int unsigned Depth = 2 * Beats;
  localparam int unsigned PlaceW = $clog2(Depth + 1);

  typedef enum logic [1:0] {Idle, Run, Drop} state_e;
  state_e state_q;
  logic [63:0] addr_q;
  logic [PlaceW-1:0] promised_q, level;  // beats asked for and not used
  logic [12:0] chunks_q;
  logic [BeatW-1:0] beat, low_q;
  logic beat_valid, half_q;

  wire m_take = m_valid_o && m_ready_i;
  wire ask = m_read_valid_o && m_read_ready_i;
  wire pop = beat_valid && (half_q ? m_ready_i || state_q == Drop : 1'b1) && state_q != Idle;
  wire ends = m_take && operation(m_op_o) == OpEnd;

  assign m_read_o = '{addr: addr_q, bytes: 32'(Beats * BeatW / 8), tag: AuxProgram};
  assign m_read_valid_o = state_q == Run && promised_q <= PlaceW'(Depth - Beats) && !error_o;
  assign m_op_o = {beat, low_q};
  assign m_valid_o = state_q == Run && half_q && beat_valid;
  assign idle_o = state_q == Idle;

  always_ff @(posedge clk_i) begin
    if (pop && !half_q) low_q <= beat;
    if (!rst_ni) begin
      state_q    <= Idle;
      promised_q <= '0;
      half_q     <= 1'b0;
      chunks_q   <= '0;
      error_o    <= 1'b0;
      addr_q     <= '0;
    end else begin
      promised_q <= promised_q + (ask ? PlaceW'(Beats) : '0) - PlaceW'(pop);
      if (pop) half_q <= !half_q;
      if (ask) begin
        addr_q   <= addr_q + 64'(Beats * BeatW / 8);
        chunks_q <= chunks_q + 13'd1;
        if (chunks_q == '1) error_o <= 1'b1;
      end
      case (state_q)
        Idle:
        if (start_i) begin
          state_q  <= Run;
          addr_q   <= program_i;
          chunks_q <= '0;
        end
        Run:     if (ends) state_q <= Drop;
        default: if (promised_q == '0) state_q <= Idle;
      endcase
    end
  end

  fifo #(.Width(BeatW), .Depth(Depth)) u_beats (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(s_beat_i), .s_valid_i(s_beat_valid_i), .s_ready_o(s_beat_ready_o),
      .m_data_o(beat), .m_valid_o(beat_valid), .m_ready_i(pop), .level_o(level)
  );
  wire unused = ^level;
endmodule
