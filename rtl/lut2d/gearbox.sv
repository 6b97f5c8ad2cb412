// gearbox: beats of a memory port -> index words of 4, 5 or 6 bits a field, the width chosen at run time.
//
//   word = Fields fields of 4 + code_i bits, packed LSB first, across beats without gaps inside a block;
//   every block starts on a fresh beat: with last_i the rest of the beat that ends the word is dropped.
//   m_data_o field f sits at [f*OutW +: OutW], zero-extended.
//
// Restriction:   a beat holds Fields 4-bit fields, so a word is 4, 5 or 6 quarters of a beat and takes at most one new
//                beat; only multiples of a quarter are shifted.
// Latency:       0; s_ready_o depends on m_ready_i through one gate (place a register behind the word).
// Throughput:    one beat a cycle in: a word a cycle at 4 bits, 4/5 and 4/6 of that at 5 and 6.
// OutW = 4 elaborates to wires.
//
// Parameters:
//   Fields  fields of a word, a multiple of 4
//   OutW    bits of a field at the output: 4, 5 or 6; code_i <= OutW - 4
module gearbox #(
    parameter int unsigned Fields = 64,
    parameter int unsigned OutW = 4,
    localparam int unsigned BeatW = 4 * Fields
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic [            1:0] code_i,
    input  logic                   last_i,
    input  logic [      BeatW-1:0] s_data_i,
    input  logic                   s_valid_i,
    output logic                   s_ready_o,
    output logic [Fields*OutW-1:0] m_data_o,
    output logic                   m_valid_o,
    input  logic                   m_ready_i
);
  if (Fields % 4 != 0 || Fields == 0) $error("%m: Fields is %0d, allowed: multiples of 4", Fields);
  if (OutW < 4 || OutW > 6) $error("%m: OutW is %0d, allowed: 4, 5, 6", OutW);

  if (OutW == 4) begin : gen_wires
    logic unused;
    assign unused = &{1'b0, clk_i, rst_ni, code_i, last_i};
    assign m_data_o = s_data_i;
    assign m_valid_o = s_valid_i;
    assign s_ready_o = m_ready_i;
  end else begin : gen_shift
    localparam int unsigned QuarterW = BeatW / 4;

    logic [3:0][QuarterW-1:0] rest_q;  // quarters of the last beat not yet in a word, from the bottom
    logic [2:0] count_q;
    logic [5:0][QuarterW-1:0] word;
    logic [3:0] have, left;

    assign have = {1'b0, count_q} + 4'd4;
    assign left = have - 4'd4 - {2'b0, code_i};
    // A 4-bit word never leaves a rest, so it is the beat itself.
    wire enough = have >= 4'd4 + {2'b0, code_i};
    assign m_valid_o = s_valid_i && enough;
    assign s_ready_o = m_ready_i || !enough;

    always_comb begin
      for (int unsigned i = 0; i < 6; i++) begin
        word[i] = (i < 4) ? rest_q[i%4] : '0;
        for (int unsigned n = 0; n < 4; n++) begin
          if (i >= n && i - n < 4 && count_q == 3'(n)) word[i] = s_data_i[(i-n)*QuarterW+:QuarterW];
        end
        if (i >= 4 && count_q == 3'd4) word[i] = s_data_i[(i-4)*QuarterW+:QuarterW];
      end
    end

    // the fields, zero-extended to six bits
    logic [6*BeatW/4-1:0] bits;
    logic [5:0] field;
    assign bits = word;
    logic unused;
    assign unused = &{1'b0, field, bits};  // the top bit is not used with OutW = 5

    always_comb begin
      for (int unsigned f = 0; f < Fields; f++) begin
        unique case (code_i)
          2'd0: field = {2'b0, bits[f*4+:4]};
          2'd1: field = {1'b0, bits[f*5+:5]};
          default: field = bits[f*6+:6];
        endcase
        m_data_o[f*OutW+:OutW] = OutW'(field);
      end
    end

    always_ff @(posedge clk_i) begin
      if (s_valid_i && s_ready_o) begin
        for (int unsigned i = 0; i < 4; i++) begin
          // the top `left` quarters of the beat move to the bottom
          rest_q[i] <= s_data_i[i*QuarterW+:QuarterW];
          if (enough) begin
            for (int unsigned n = 1; n < 4; n++) begin
              if (left == 4'(n) && i < n) rest_q[i] <= s_data_i[(i+4-n)*QuarterW+:QuarterW];
            end
          end
        end
      end
      if (!rst_ni) count_q <= '0;
      else if (s_valid_i && s_ready_o) begin
        if (!enough) count_q <= count_q + 3'd4;
        else count_q <= last_i ? '0 : left[2:0];
      end
    end

    a_code :
    assert property (@(posedge clk_i) disable iff (!rst_ni) s_valid_i |-> {30'b0, code_i} <= OutW - 4);
    a_rest :
    assert property (@(posedge clk_i) disable iff (!rst_ni) count_q <= 3'd4);
  end
endmodule
