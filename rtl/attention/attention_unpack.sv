// attention_unpack: what is read from an int8 cache, as codes of 16 lanes with their scale.
//
// A head is blocks of a beat with the scales of 8 positions and the beats of their codes; it may end behind any position. A beat of
// scales is taken while the beat before it gives its second half, so it costs no cycle.
//
// Latency:       1 cycle from a beat of codes. Throughput: 16 codes a cycle, that is a beat of codes every other cycle.
// Back-pressure: s_ready_o falls while a beat waits for its second half to be taken.
//
// Ports:
//   s_top_i   beats of codes of a position, less one; s_last_i: last beat of the head
//   m_last_o  the last codes of the head
module attention_unpack
  import attention_pkg::*;
(
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [16*Lanes-1:0] s_data_i,
    input  logic [         2:0] s_top_i,
    input  logic                s_last_i,
    input  logic                s_valid_i,
    output logic                s_ready_o,
    output codes_t              m_codes_o,
    output logic                m_last_o,
    output logic                m_valid_o,
    input  logic                m_ready_i
);
  logic [16*Lanes-1:0] scales_q;
  logic [16*Lanes-1:0] data_q;
  logic [31:0] scale_q;
  logic loaded_q, second_q, last_q, valid_q;  // the scales of this block are here; the second half is on offer
  logic [2:0] beat_q, place_q;

  wire move = valid_q && m_ready_i;
  wire room = !valid_q || (second_q && m_ready_i);
  wire take = s_valid_i && loaded_q && room;  // codes
  wire row_last = beat_q == s_top_i;
  assign s_ready_o = !loaded_q || room;
  assign m_codes_o = '{scale: scale_q, codes: second_q ? data_q[16*Lanes-1:8*Lanes] : data_q[8*Lanes-1:0]};
  assign m_last_o = last_q && second_q;
  assign m_valid_o = valid_q;

  always_ff @(posedge clk_i) begin
    if (!loaded_q) scales_q <= s_data_i;
    else if (take && row_last) scales_q <= scales_q >> 32;
    if (take) begin
      data_q  <= s_data_i;
      scale_q <= scales_q[31:0];
      last_q  <= s_last_i;
    end
    if (!rst_ni) begin
      loaded_q <= 1'b0;
      second_q <= 1'b0;
      valid_q  <= 1'b0;
      beat_q   <= '0;
      place_q  <= '0;
    end else begin
      if (!loaded_q) loaded_q <= s_valid_i;
      else if (take && row_last && (s_last_i || place_q == 3'd7)) loaded_q <= 1'b0;
      if (take) beat_q <= row_last ? '0 : beat_q + 3'd1;
      if (take && row_last) place_q <= s_last_i ? '0 : place_q + 3'd1;
      if (take) valid_q <= 1'b1;
      else if (move && second_q) valid_q <= 1'b0;
      if (move) second_q <= !second_q;
    end
  end

  a_whole_positions :
  assert property (@(posedge clk_i) disable iff (!rst_ni) take && s_last_i |-> row_last);
endmodule
