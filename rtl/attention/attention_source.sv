// attention_source: the keys (or values) of positions 0 .. position of every head, one beat a cycle: those before the position
// come from memory, the position's own from the queue on chip.
//
// Latency:       0: a selection, with counters. Throughput: one beat a cycle; one cycle is lost between jobs.
// Back-pressure: passed on to the source whose turn it is.
//
// Parameters:
//   Width  bits of a beat
module attention_source
  import attention_pkg::*;
#(
    parameter int unsigned Width = 16 * Lanes
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  job_t                s_job_i,
    input  logic                s_job_valid_i,
    output logic                s_job_ready_o,
    input  logic [   Width-1:0] read_data_i,
    input  logic                read_valid_i,
    output logic                read_ready_o,
    input  logic [   Width-1:0] own_data_i,
    input  logic                own_valid_i,
    output logic                own_ready_o,
    output logic [   Width-1:0] m_data_o,
    output logic [         4:0] m_beats_o,      // of a position
    output logic                m_end_o,        // a position's last beat
    output logic                m_last_o,       // the beat is of a head's last position
    output logic                m_valid_o,
    input  logic                m_ready_i
);
  // Counted down, so that every decision is a register.
  logic active_q, own_q, at_zero_q, last_head_q;  // own_q: no position from memory is left; at_zero_q: there never was one
  logic [PositionW-1:0] left_q, position_q;  // positions from memory still to go in this head; in every head
  logic [4:0] beat_q, beats_q, top_q;  // behind this one; of a position; the same less one
  logic end_q, one_q;  // beat_q is 0; a position has one beat
  logic [7:0] heads_q;  // behind this one

  wire move = m_valid_o && m_ready_i;
  assign s_job_ready_o = !active_q;
  assign m_data_o = own_q ? own_data_i : read_data_i;
  assign m_beats_o = beats_q;
  assign m_end_o = end_q;
  assign m_last_o = own_q;
  assign m_valid_o = active_q && (own_q ? own_valid_i : read_valid_i);
  assign read_ready_o = active_q && !own_q && m_ready_i;
  assign own_ready_o = active_q && own_q && m_ready_i;

  always_ff @(posedge clk_i) begin
    if (!active_q) begin
      left_q      <= s_job_i.position;
      position_q  <= s_job_i.position;
      own_q       <= s_job_i.position == '0;
      at_zero_q   <= s_job_i.position == '0;
      beat_q      <= s_job_i.beats - 5'd1;
      end_q       <= s_job_i.beats == 5'd1;
      one_q       <= s_job_i.beats == 5'd1;
      beats_q     <= s_job_i.beats;
      top_q       <= s_job_i.beats - 5'd1;
      heads_q     <= s_job_i.kv_heads - 8'd1;
      last_head_q <= s_job_i.kv_heads == 8'd1;
    end else if (move) begin
      beat_q <= end_q ? top_q : beat_q - 5'd1;
      end_q  <= end_q ? one_q : beat_q == 5'd1;
      if (m_end_o) begin
        left_q <= own_q ? position_q : left_q - PositionW'(1);
        own_q  <= own_q ? at_zero_q : left_q == PositionW'(1);
      end
      if (m_end_o && own_q) begin
        heads_q     <= heads_q - 8'd1;
        last_head_q <= heads_q == 8'd1;
      end
    end
    if (!rst_ni) active_q <= 1'b0;
    else if (!active_q) active_q <= s_job_valid_i;
    else if (move && m_end_o && own_q && last_head_q) active_q <= 1'b0;
  end
  wire unused = ^{s_job_i.fresh, s_job_i.group, s_job_i.scale, s_job_i.offset, s_job_i.stride};
endmodule
