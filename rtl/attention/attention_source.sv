// attention_source: the keys (or values) of positions 0 .. position of every head, one beat a cycle: those before the position
// come from memory, the position's own from the queue on chip.
//
// Latency:       0: a selection, with counters. Throughput: one beat a cycle; one cycle between jobs costs nothing, their head is
//                in registers.
// Back-pressure: passed on to the source whose turn it is.
module attention_source
  import attention_pkg::*;
(
    input  logic                clk_i,
    input  logic                rst_ni,
    input  job_t                s_job_i,
    input  logic                s_job_valid_i,
    output logic                s_job_ready_o,
    input  logic [16*Lanes-1:0] read_data_i,
    input  logic                read_valid_i,
    output logic                read_ready_o,
    input  logic [16*Lanes-1:0] own_data_i,
    input  logic                own_valid_i,
    output logic                own_ready_o,
    output logic [16*Lanes-1:0] m_data_o,
    output logic [         4:0] m_beats_o,      // of a position
    output logic                m_end_o,        // a position's last beat
    output logic                m_last_o,       // the beat is of a head's last position
    output logic                m_valid_o,
    input  logic                m_ready_i
);
  logic [PositionW-1:0] position_q;
  logic [4:0] beat_q;
  logic [7:0] head_q;

  wire own = position_q == s_job_i.position;
  wire move = m_valid_o && m_ready_i;
  assign m_data_o = own ? own_data_i : read_data_i;
  assign m_beats_o = s_job_i.beats;
  assign m_end_o = beat_q == s_job_i.beats - 5'd1;
  assign m_last_o = own;
  assign m_valid_o = s_job_valid_i && (own ? own_valid_i : read_valid_i);
  assign read_ready_o = s_job_valid_i && !own && m_ready_i;
  assign own_ready_o = s_job_valid_i && own && m_ready_i;
  assign s_job_ready_o = move && m_end_o && own && head_q == s_job_i.kv_heads - 8'd1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      position_q <= '0;
      beat_q     <= '0;
      head_q     <= '0;
    end else if (move) begin
      beat_q <= m_end_o ? '0 : beat_q + 5'd1;
      if (m_end_o) position_q <= own ? '0 : position_q + PositionW'(1);
      if (m_end_o && own) head_q <= s_job_ready_o ? '0 : head_q + 8'd1;
    end
  end
  wire unused = ^{s_job_i.group, s_job_i.scale, s_job_i.offset, s_job_i.stride};
endmodule
